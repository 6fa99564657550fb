import { i32, i64, local, repeat, v128, wasmModule, when, type Code, type Local } from './wasm-code.ts'

/** Bytes that the scanner looks at together. */
export const BLOCK = 64

/** Most bytes that one call scans, so most places that it can find. */
export const WINDOW = 32_768

/** Addresses of what is kept between calls and handed out after them, 32 bits each. */
export const state = {
  escaped: 0,
  inString: 4,
  depth: 8,
  deepest: 12,
  newlines: 16,
  newlinesToEnd: 20,
  closed: 24,
  torn: 28,
} as const

/** Address of the places found; after them comes the text, with a spare block before it. */
export const ENDS = 64
export const TEXT: number = ENDS + 4 * WINDOW + BLOCK

/**
 * The scanner's module: `run(from, to, lines)` scans whole blocks, writes the places where records may end to
 * `ENDS` and returns how many. `lines` is 1 for NDJSON and 0 for an array.
 */
export function scannerCode(): Uint8Array<ArrayBuffer> {
  const [from, to, lines, count, depth] = [0, 1, 2, 3, 4].map(local) as Locals
  const [deepest, newlines, newlinesToEnd, closed, torn] = [5, 6, 7, 8, 9].map(local) as Locals
  const [escaped, inString, quoted, bit, backslashes] = [10, 11, 12, 13, 14].map(local) as Locals
  const [opens, closes, commas, breaks, events] = [15, 16, 17, 18, 19].map(local) as Locals
  const vectors = [20, 21, 22, 23].map(local)

  /** One bit for each of the 64 bytes that equals `char`; with `anyCase`, brackets and braces alike. */
  const mask = (char: string, anyCase = false): Code =>
    vectors
      .map((vector, i) => {
        const bytes = anyCase ? v128.or(vector.get, v128.splatBytes(0x20)) : vector.get
        const bits = v128.bitmask(v128.equalBytes(bytes, v128.splatBytes(char.charCodeAt(0))))
        return i64.shl(i64.fromU32(bits), i64.const(16 * i))
      })
      .reduce((all, bits) => i64.or(all, bits))

  const emit: Code = [
    ...i32.storeAt(
      i32.add(i32.const(ENDS), i32.shl(count.get, i32.const(2))),
      i32.add(from.get, i32.fromI64(i64.lowestBit(bit.get))),
    ),
    ...count.set(i32.add(count.get, i32.const(1))),
    ...newlinesToEnd.set(
      i32.add(
        newlines.get,
        i32.fromI64(i64.countBits(i64.and(breaks.get, i64.xor(bit.get, i64.sub(bit.get, i64.const(1)))))),
      ),
    ),
  ]

  const findEscaped: Code = [
    ...backslashes.set(i64.and(mask('\\'), not(escaped.get))),
    // From here on `escaped` gathers the bytes after a backslash; `opens` is free and holds the carry.
    ...opens.set(i64.const(0)),
    ...repeat(has(backslashes.get), [
      ...bit.set(lowest(backslashes.get)),
      ...opens.set(i64.or(opens.get, i64.shrUnsigned(bit.get, i64.const(63)))),
      ...bit.set(i64.shl(bit.get, i64.const(1))),
      ...escaped.set(i64.or(escaped.get, bit.get)),
      // The lowest backslash goes, and the one it escapes.
      ...backslashes.set(
        i64.and(i64.and(backslashes.get, i64.sub(backslashes.get, i64.const(1))), not(bit.get)),
      ),
    ]),
  ]

  const findQuoted: Code = [
    ...quoted.set(i64.and(mask('"'), not(escaped.get))),
    ...[1, 2, 4, 8, 16, 32].flatMap((distance) =>
      quoted.set(i64.xor(quoted.get, i64.shl(quoted.get, i64.const(distance)))),
    ),
    ...quoted.set(i64.xor(quoted.get, inString.get)),
    ...inString.set(i64.shrSigned(quoted.get, i64.const(63))),
    ...escaped.set(opens.get),
  ]

  const onOpen: Code = [
    ...depth.set(i32.add(depth.get, i32.const(1))),
    ...when(i32.lessSigned(deepest.get, depth.get), deepest.set(depth.get)),
  ]
  const onClose: Code = [
    ...depth.set(i32.sub(depth.get, i32.const(1))),
    ...when(
      i32.lessSigned(depth.get, i32.const(0)),
      when(i32.isZero(lines.get), [
        ...emit,
        ...closed.set(i32.const(1)),
        ...events.set(i64.const(0)),
        ...to.set(from.get),
      ]),
    ),
  ]
  const onComma: Code = when(i32.isZero(depth.get), when(lines.get, torn.set(i32.const(1)), emit))
  const onNewline: Code = [
    ...when(
      i32.or(depth.get, i32.fromI64(i64.countBits(i64.and(bit.get, quoted.get)))),
      torn.set(i32.const(1)),
    ),
    ...emit,
  ]

  const eachEvent: Code = [
    ...bit.set(lowest(events.get)),
    ...events.set(i64.xor(events.get, bit.get)),
    ...when(
      has(i64.and(bit.get, commas.get)),
      onComma,
      when(
        has(i64.and(bit.get, opens.get)),
        onOpen,
        when(has(i64.and(bit.get, closes.get)), onClose, onNewline),
      ),
    ),
  ]

  const eachBlock: Code = [
    ...vectors.flatMap((vector, i) => vector.set(v128.load(from.get, 16 * i))),
    ...findEscaped,
    ...findQuoted,
    ...opens.set(i64.and(mask('{', true), not(quoted.get))),
    ...closes.set(i64.and(mask('}', true), not(quoted.get))),
    ...commas.set(i64.and(mask(','), not(quoted.get))),
    ...breaks.set(mask('\n')),
    ...events.set(i64.or(opens.get, closes.get)),
    ...when(lines.get, events.set(i64.or(events.get, breaks.get))),
    // Inside a record that neither begins nor ends in this block, commas mean nothing.
    ...when(i32.or(has(events.get), i32.isZero(depth.get)), events.set(i64.or(events.get, commas.get))),
    ...repeat(has(events.get), eachEvent),
    ...newlines.set(i32.add(newlines.get, i32.fromI64(i64.countBits(breaks.get)))),
    ...from.set(i32.add(from.get, i32.const(BLOCK))),
  ]

  return wasmModule(3, { i32: 7, i64: 10, v128: 4 }, [
    ...escaped.set(i64.fromI32(i32.load(state.escaped))),
    ...inString.set(i64.fromI32(i32.load(state.inString))),
    ...depth.set(i32.load(state.depth)),
    ...deepest.set(depth.get),
    ...torn.set(i32.load(state.torn)),
    ...repeat(i32.lessUnsigned(from.get, to.get), eachBlock),
    ...i32.store(state.escaped, i32.fromI64(escaped.get)),
    ...i32.store(state.inString, i32.fromI64(inString.get)),
    ...i32.store(state.depth, depth.get),
    ...i32.store(state.deepest, deepest.get),
    ...i32.store(state.newlines, newlines.get),
    ...i32.store(state.newlinesToEnd, newlinesToEnd.get),
    ...i32.store(state.closed, closed.get),
    ...i32.store(state.torn, torn.get),
    ...count.get,
  ])
}

type Locals = [Local, Local, Local, Local, Local]

function not(a: Code): Code {
  return i64.xor(a, i64.const(-1))
}

function has(bits: Code): Code {
  return i32.isZero(i64.isZero(bits))
}

function lowest(bits: Code): Code {
  return i64.and(bits, i64.sub(i64.const(0), bits))
}
