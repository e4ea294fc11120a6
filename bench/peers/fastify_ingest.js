// Ingest as a team that writes in Node would build it: Fastify, zod, drizzle-orm on node-postgres. What MODE changes:
//   drizzle  the usual way: the query builder's insert, a transaction for each request
//   unnest   a hand-written INSERT … SELECT FROM unnest(), prepared, a transaction for each request
//   gc       the same statement with group commit: what comes while two are in flight shares the next
// It looks for repeats by the table's key alone and judges nothing: less work than FreshTrack's door does.
// Environment: PORT, PGSOCK (the folder with PostgreSQL's socket), POOL (connections).
'use strict'

const { createHash } = require('node:crypto')
const { drizzle } = require('drizzle-orm/node-postgres')
const { integer, pgTable, primaryKey, real, smallint, timestamp } = require('drizzle-orm/pg-core')
const Fastify = require('fastify')
const { serializerCompiler, validatorCompiler } = require('fastify-type-provider-zod')
const { Pool } = require('pg')
const { z } = require('zod')

const MODE = process.env.MODE ?? 'drizzle'
const IN_FLIGHT = 2 // statements at once under group commit
const pool = new Pool({
  host: process.env.PGSOCK,
  user: 'postgres',
  database: 'bench',
  max: Number(process.env.POOL ?? 10),
})

const table = pgTable(
  'reading',
  {
    sensorId: integer('sensor_id').notNull(),
    recordedAt: timestamp('recorded_at', { withTimezone: true }).notNull(),
    temperature: real('temperature').notNull(),
    humidity: real('humidity'),
    battery: smallint('battery'),
  },
  (columns) => [primaryKey({ columns: [columns.sensorId, columns.recordedAt] })],
)
const db = drizzle(pool)
const INSERT =
  'INSERT INTO reading SELECT * FROM unnest($1::int[], $2::timestamptz[], $3::real[], $4::real[], $5::smallint[])' +
  ' ON CONFLICT DO NOTHING'

const Reading = z.object({
  sensor: z.number().int().positive(),
  recorded_at: z.string().datetime(),
  temperature: z.number().min(-100).max(200),
  humidity: z.number().min(0).max(100).nullish(),
  battery: z.number().int().min(0).max(100).nullish(),
})
const Body = z.object({ readings: z.array(Reading).min(1).max(5000) })

/** Five arrays, one for each column. */
function columnsOf(batches) {
  const columns = [[], [], [], [], []]
  for (const readings of batches) {
    for (const reading of readings) {
      columns[0].push(reading.sensor)
      columns[1].push(reading.recorded_at)
      columns[2].push(reading.temperature)
      columns[3].push(reading.humidity ?? null)
      columns[4].push(reading.battery ?? null)
    }
  }
  return columns
}

const insert = (batches) => pool.query({ name: 'insert', text: INSERT, values: columnsOf(batches) })

let waiting = []
let inFlight = 0

function pump() {
  while (waiting.length > 0 && inFlight < IN_FLIGHT) {
    const batch = waiting
    waiting = []
    inFlight += 1
    insert(batch.map((one) => one.readings))
      .then(
        () => batch.forEach((one) => one.resolve()),
        (error) => batch.forEach((one) => one.reject(error)),
      )
      .finally(() => {
        inFlight -= 1
        pump()
      })
  }
}

const store = {
  drizzle: (readings) =>
    db
      .insert(table)
      .values(
        readings.map((reading) => ({
          sensorId: reading.sensor,
          recordedAt: new Date(reading.recorded_at),
          temperature: reading.temperature,
          humidity: reading.humidity,
          battery: reading.battery,
        })),
      )
      .onConflictDoNothing(),
  unnest: (readings) => insert([readings]),
  gc: (readings) =>
    new Promise((resolve, reject) => {
      waiting.push({ readings, resolve, reject })
      pump()
    }),
}[MODE]

const organizations = new Map() // by the hash of a key
let sensors = new Set()

const app = Fastify({ logger: false, bodyLimit: 4 * 1024 * 1024 })
app.setValidatorCompiler(validatorCompiler)
app.setSerializerCompiler(serializerCompiler)

app.addHook('preHandler', async (request, reply) => {
  const key = request.headers['x-api-key']
  const hash = createHash('sha256').update(key ?? '').digest('hex')
  if (!organizations.has(hash)) {
    const found = await pool.query('SELECT org_id FROM api_key WHERE hash = $1', [hash])
    if (found.rowCount === 0) return reply.code(401).send({ error: 'key' })
    organizations.set(hash, found.rows[0].org_id)
  }
})

app.post('/ingest', { schema: { body: Body } }, async (request, reply) => {
  const { readings } = request.body
  if (!readings.every((reading) => sensors.has(reading.sensor))) return reply.code(422).send({ error: 'sensor' })
  await store(readings)
  return reply.code(202).send({ accepted: readings.length })
})

async function main() {
  if (store === undefined) throw new Error(`MODE is ${MODE}: drizzle, unnest or gc`)
  sensors = new Set((await pool.query('SELECT id FROM sensor')).rows.map((row) => row.id))
  await app.listen({ port: Number(process.env.PORT ?? 9200), host: '127.0.0.1' })
  console.log('listening')
}

process.on('SIGTERM', () => process.exit(0))
void main()
