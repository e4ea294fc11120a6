"""Signing in with an account elsewhere in a real browser, which holds the page to its Content-Security-Policy."""

from __future__ import annotations

import json

from tests.accounts.openid import CLIENT, SECRET, openid_provider
from tests.chromium import chromium
from tests.stack import running_stack

# What the web app's button does.
PRESS = """([provider, back]) => {
    const form = document.createElement('form')
    form.method = 'POST'
    form.action = '/_allauth/browser/v1/auth/provider/redirect'
    const token = document.cookie.match(/csrftoken=([^;]+)/)[1]
    const fields = { provider, callback_url: back, process: 'login', csrfmiddlewaretoken: token }
    for (const [name, value] of Object.entries(fields)) {
        const input = document.createElement('input')
        input.name = name
        input.value = value
        form.append(input)
    }
    document.body.append(form)
    form.submit()
}"""


def test_the_button_leads_to_the_provider_and_back_into_the_app() -> None:
    with openid_provider() as provider, chromium() as browser:
        provider.person = {"sub": "1", "email": "cook@example.com", "email_verified": True, "name": "Cora Cook"}
        acme = {"id": "acme", "name": "Acme", "issuer": provider.issuer, "client_id": CLIENT, "client_secret": SECRET}
        settings = {"OPENID_PROVIDERS": json.dumps([acme])}
        with running_stack(env=settings, processes=("web",)) as stack:
            page = browser.new_page()
            violations: list[str] = []
            page.on("console", lambda message: violations.append(message.text) if message.type == "error" else None)
            page.goto(f"{stack.url}/sign-in")
            page.evaluate("() => fetch('/_allauth/browser/v1/config')")
            # Back to a page that leads nowhere else by itself.
            page.evaluate(PRESS, ["acme", "/health/live?back"])
            page.wait_for_url(f"{stack.url}/health/live?back", timeout=30_000)
            answer = page.request.get(f"{stack.url}/api/v1/me/")
            assert answer.status == 200, (page.url, violations)
            assert answer.json()["name"] == "Cora Cook"
            assert not [text for text in violations if "Content Security Policy" in text]
            page.context.close()
