import { isDeepStrictEqual } from 'node:util'
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { read } from './read.ts'

const pieceSizes = [1, 2, 3, 5, 7, 13, 31, 63, 64, 65, 127, 200, 1_000_000]
// A failure prints the seed; CODE_STREAM_SEED runs it again.
const seed = Number(process.env['CODE_STREAM_SEED'] ?? Date.now() % 2 ** 31)
const parameters = { seed, numRuns: 1000 }

const space = fc.stringMatching(/^[ \t\r\n]{0,3}$/)
const scalar = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.string({
    size: 'medium',
    unit: fc.constantFrom('"', '\\', '\n', '[', ']', '{', '}', ',', 'é', '😀', 'a'),
  }),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.constantFrom(null, true, false),
)
const value = fc.letrec((tie) => ({
  any: fc.oneof(
    { withCrossShrink: true },
    scalar,
    fc.array(tie('any'), { maxLength: 4 }),
    fc.dictionary(fc.string(), tie('any'), { maxKeys: 4 }),
  ),
})).any
const text = fc
  .tuple(value, fc.constantFrom(undefined, 1, '\t'))
  .map(([v, indent]) => JSON.stringify(v, null, indent))

const dirt = fc.oneof(
  fc.constantFrom('[', ']', '{', '}', ',', ':', '"', '\\', '\\"', '0', '-', 'e', 'null', '[]', 'é', '\ufeff'),
  fc.constantFrom(' ', '\n', '\r', '\t', '\f'),
  fc.constantFrom('\xff', '\xc3', '\xed\xa0\x80').map((bytes) => Buffer.from(bytes, 'latin1')),
)
/** A text with up to three places where something is put in or cut out. */
function spoilt(from: fc.Arbitrary<string>): fc.Arbitrary<Buffer> {
  const edit = fc.record({ at: fc.nat(), cut: fc.nat({ max: 3 }), put: fc.oneof(fc.constant(''), dirt) })
  return fc.tuple(from, fc.array(edit, { maxLength: 3 })).map(([text, edits]) => {
    let bytes = Buffer.from(text)
    for (const { at, cut, put } of edits) {
      const from = at % (bytes.length + 1)
      bytes = Buffer.concat([bytes.subarray(0, from), Buffer.from(put as string), bytes.subarray(from + cut)])
    }
    return bytes
  })
}

/** The judge: what `JSON.parse` makes of the bytes, strictly decoded. */
function parsed(bytes: Uint8Array): { value: unknown } | undefined {
  try {
    return { value: JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)) }
  } catch {
    return undefined
  }
}

test('an array is accepted and read exactly as by JSON.parse, however it is cut into pieces', async () => {
  const array = fc.array(fc.tuple(space, text, space), { maxLength: 12, size: 'max' })
  const whole = fc.tuple(space, array, space).map(([before, items, after]) => {
    return `${before}[${items.flat().length === 0 ? before : items.map((item) => item.join('')).join(',')}]${after}`
  })
  const property = fc.asyncProperty(spoilt(whole), fc.constantFrom(...pieceSizes), async (bytes, size) => {
    fc.pre(bytes.indexOf('\ufeff') !== 0)
    const judged = parsed(bytes)
    const expected = Array.isArray(judged?.value) ? judged.value : undefined
    const { values, failure } = await read(bytes, { format: 'json' }, size)
    expect(failure === undefined).toBe(expected !== undefined)
    if (expected !== undefined) expect(isDeepStrictEqual(values, expected)).toBe(true)
  })
  await fc.assert(property, parameters)
}, 60_000)

test('NDJSON is judged line by line as by JSON.parse, however it is cut into pieces', async () => {
  const line = fc.oneof(
    text,
    text.map((t) => t.replaceAll('\n', ' ')),
    fc.stringMatching(/^[ \t\r]{0,3}$/),
    fc.constantFrom('1,2', '{"a":1', '"b":2}', '"a', 'b"', '[', ']'),
  )
  const whole = fc
    .tuple(
      fc.array(line, { maxLength: 12, size: 'max' }),
      fc.constantFrom('\n', '\r\n'),
      fc.constantFrom('', '\n'),
    )
    .map(([lines, newline, end]) => lines.join(newline) + end)
  const property = fc.asyncProperty(spoilt(whole), fc.constantFrom(...pieceSizes), async (bytes, size) => {
    fc.pre(bytes.indexOf('\ufeff') !== 0)
    const expected = judgedLines(bytes)
    const { values, errors } = await read(bytes, { format: 'ndjson', onError: 'collect' }, size)
    const bad = errors.map(({ record, line }) => ({ record, line }))
    expect(values).toStrictEqual(expected.values)
    expect(bad).toEqual(expected.bad)
  })
  await fc.assert(property, parameters)
}, 60_000)

test('every split of a text with escapes, surrogates and nesting gives the same records', async () => {
  const records = [
    '\\"\\\\',
    '😀é\u0000',
    { a: [[{}], ['}]"'], '\\'] },
    [],
    -0.5e-7,
    'x'.repeat(130),
    '\\'.repeat(65),
  ]
  const array = Buffer.from(JSON.stringify(records, null, 1))
  const lines = Buffer.from(records.map((record) => JSON.stringify(record)).join('\r\n\n'))
  for (let size = 1; size <= array.length; size++) {
    expect((await read(array, {}, size)).values).toStrictEqual(records)
    expect((await read(lines, { format: 'ndjson' }, size)).values).toStrictEqual(records)
  }
})

test('an empty place between commas is refused wherever the buffer happens to end', async () => {
  for (let pad = 0; pad < 2 * 64; pad++) {
    const space = ' '.repeat(pad)
    for (const text of [`[${space},1]`, `[1${space},,2]`, `[1,${space}]`, `[1,${space},2]`, `[${space},]`]) {
      expect((await read(text, {}, 64)).failure?.code).toBe('STREAM_BAD_RECORD')
    }
  }
})

test('bad lines that would be valid if their newlines were commas are refused', async () => {
  for (const text of ['1,2\n{"a":1\n"b":2}', '"a\nb","c"', '[1\n2],3', '1\n2,3\n[4\n5]']) {
    const lines = text.split('\n')
    const { values, errors } = await read(text, { format: 'ndjson', onError: 'collect' })
    expect(values).toEqual(lines.flatMap((line) => parsed(Buffer.from(line))?.value ?? []))
    expect(errors.length).toBe(lines.length - values.length)
  }
})

test('bad elements anywhere in a long array are the ones that are left out', async () => {
  const bad = ['', ' ', '01', 'nul', '{"a"}', '"\\x"', '\f', '[1,]', '{"a":1]', '1 2', '"\t"', '\ufeff1']
  const element = fc.oneof({ arbitrary: text, weight: 20 }, { arbitrary: fc.constantFrom(...bad), weight: 1 })
  const arrays = fc.array(fc.tuple(space, element), { minLength: 200, maxLength: 2000, size: 'max' })
  const property = fc.asyncProperty(arrays, fc.constantFrom(64, 1000, 1_000_000), async (items, size) => {
    const bytes = Buffer.from(`[${items.map((item) => item.join('')).join(',')}]`)
    const expected = items.flatMap(([, item]) => parsed(Buffer.from(item)) ?? [])
    const places = placesOfBad(items)
    const { values, errors, failure } = await read(bytes, { onError: 'collect', maxErrors: Infinity }, size)
    expect(failure).toBeUndefined()
    expect(
      isDeepStrictEqual(
        values,
        expected.map(({ value }) => value),
      ),
    ).toBe(true)
    expect(errors.map(({ record, byteOffset, line }) => ({ record, byteOffset, line }))).toEqual(places)
  })
  await fc.assert(property, { seed, numRuns: 12 })
}, 60_000)

function judgedLines(bytes: Buffer): { values: unknown[]; bad: { record: number; line: number }[] } {
  const values: unknown[] = []
  const bad: { record: number; line: number }[] = []
  let record = 0
  // latin1 keeps bytes apart, so that cutting at newlines doesn't need valid UTF-8.
  for (const [index, line] of bytes.toString('latin1').split('\n').entries()) {
    if (/^[ \t\r]*$/.test(line)) continue
    const judged = parsed(Buffer.from(line, 'latin1'))
    if (judged === undefined) bad.push({ record, line: index + 1 })
    else values.push(judged.value)
    record++
  }
  return { values, bad }
}

function placesOfBad(items: readonly [string, string][]): unknown[] {
  let byteOffset = 1
  let line = 1
  return items.flatMap(([space, item], record) => {
    const start = space + /^ */.exec(item)![0]
    const place = {
      record,
      byteOffset: byteOffset + start.length,
      line: line + start.split('\n').length - 1,
    }
    byteOffset += Buffer.byteLength(`${space}${item},`)
    line += `${space}${item}`.split('\n').length - 1
    return parsed(Buffer.from(item)) === undefined ? [place] : []
  })
}
