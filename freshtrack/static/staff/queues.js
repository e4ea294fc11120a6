// Refreshes the figures of /admin/queues/ every three seconds while somebody looks. Without it the page is the same,
// and as old as its loading.
(() => {
  const EVERY_MS = 3000;
  const PATIENCE_MS = 10000;
  const figures = document.getElementById("queues");
  const stale = document.getElementById("queues-stale");
  if (!figures || !stale) return;

  const say = (words) => {
    stale.textContent = words;
    stale.hidden = !words;
  };

  const refresh = async () => {
    if (!document.hidden) {
      try {
        const answer = await fetch(figures.dataset.part, {
          headers: { Accept: "text/html" },
          redirect: "manual", // to the sign-in page, when the session is over
          signal: AbortSignal.timeout(PATIENCE_MS),
        });
        if (answer.type === "opaqueredirect" || answer.status === 403) {
          say("You are signed out: load the page again.");
          return;
        }
        if (!answer.ok) throw new Error(String(answer.status));
        const failed = figures.querySelector("[data-failed]")?.dataset.failed;
        const scrolled = [...figures.querySelectorAll(".staff-scroll")].map((table) => table.scrollLeft);
        figures.innerHTML = await answer.text();
        figures.querySelectorAll(".staff-scroll").forEach((table, place) => {
          table.scrollLeft = scrolled[place] ?? 0;
        });
        const now = figures.querySelector("[data-failed]")?.dataset.failed;
        if (failed !== undefined && Number(now) > Number(failed)) fresh = true;
        say(fresh ? "There are new failures: load the page again to see them." : "");
      } catch {
        say("No answer: these figures are old.");
      }
    }
    setTimeout(refresh, EVERY_MS);
  };

  let fresh = false;
  setTimeout(refresh, EVERY_MS);
})();
