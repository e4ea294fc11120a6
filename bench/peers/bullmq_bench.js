// Jobs as a team that writes in Node would queue them: node bullmq_bench.js JOBS AT_ONCE, with a Redis at REDIS_PORT.
// Prints one line of JSON: jobs a second of one process, its processor time for a thousand, and the latency of lone jobs.
'use strict'

const { Queue, Worker } = require('bullmq')

const jobs = Number(process.argv[2] ?? 10_000)
const concurrency = Number(process.argv[3] ?? 50)
const connection = { host: '127.0.0.1', port: Number(process.env.REDIS_PORT ?? 6390), maxRetriesPerRequest: null }
const BATCH = 500
const LONE = 200

const now = () => performance.timeOrigin + performance.now()
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms))
const cpuMs = () => {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1000
}

async function main() {
  const queue = new Queue('bench', {
    connection,
    defaultJobOptions: {
      removeOnComplete: true,
      removeOnFail: 100,
      attempts: 3,
      backoff: { type: 'exponential', delay: 1000 },
    },
  })
  await queue.obliterate({ force: true }).catch(() => {})
  for (let first = 0; first < jobs; first += BATCH) {
    const some = Array.from({ length: Math.min(BATCH, jobs - first) }, (_, n) => ({
      name: 'notify',
      data: { alert: first + n, channel: 'email' },
    }))
    await queue.addBulk(some)
  }

  let done = 0
  let allDone
  const finished = new Promise((resolve) => {
    allDone = resolve
  })
  const latencies = []
  const cpuBefore = cpuMs()
  const began = performance.now()
  const worker = new Worker(
    'bench',
    async (job) => {
      if (job.data.at !== undefined) latencies.push(now() - job.data.at)
      else if (++done === jobs) allDone()
    },
    { connection, concurrency },
  )
  await finished
  const seconds = (performance.now() - began) / 1000
  const cpu = cpuMs() - cpuBefore

  for (let n = 0; n < LONE; n += 1) {
    await queue.add('notify', { at: now() })
    await pause(10)
  }
  while (latencies.length < LONE) await pause(10)
  latencies.sort((one, other) => one - other)
  const at = (share) => Number(latencies[Math.ceil(share * LONE) - 1].toFixed(2))
  console.log(
    JSON.stringify({
      process_s: Math.round(jobs / seconds),
      worker_cpu_ms_per_1000: Number(((cpu * 1000) / jobs).toFixed(1)),
      lat_p50_ms: at(0.5),
      lat_p99_ms: at(0.99),
    }),
  )
  await worker.close()
  await queue.close()
  process.exit(0)
}

main()
