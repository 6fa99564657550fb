import { createReadStream, readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'

// One way of reading a file and adding up a field, as a process of its own: read.mjs <way> <file> <records>.

const [way, file, expected] = process.argv.slice(2)
let records = 0
let sum = 0

if (way === 'parse-whole') {
  for (const record of JSON.parse(readFileSync(file, 'utf8'))) add(record)
} else if (way === 'parse-lines') {
  for (const line of readFileSync(file, 'utf8').split('\n')) if (line !== '') add(JSON.parse(line))
} else if (way === 'readline') {
  const lines = createInterface({ input: createReadStream(file), crlfDelay: Infinity })
  for await (const line of lines) add(JSON.parse(line))
} else {
  const { StreamProcessor } = await import('@code/stream')
  const chunkSize = way === 'ours-small' ? 100 : undefined
  const stream = new StreamProcessor({ chunkSize }).processFile(file)
  if (way === 'ours-records') {
    for await (const record of stream.records()) add(record)
  } else {
    for await (const chunk of stream) for (const record of chunk) add(record)
  }
}

if (records !== Number(expected)) throw new Error(`${records} records, not ${expected}`)
if (sum !== (records * (records - 1)) / 2) throw new Error(`the sum of the records is ${sum}`)

function add(record) {
  records++
  sum += record.number
}
