/** Instructions of a WebAssembly function, as their bytes. */
export type Code = readonly number[]

/** A parameter or variable of a function under construction: how to read it, and how to give it a value. */
export interface Local {
  readonly get: Code
  set(value: Code): Code
}

/**
 * A module of one function `run` over one imported memory `env.memory`: `parameters` i32 values in, one i32
 * out. Locals are numbered from the parameters on, first the i32, then the i64, then the v128 ones.
 * Encoding: WebAssembly Core Specification 2.0, §5.
 */
export function wasmModule(
  parameters: number,
  locals: { readonly i32: number; readonly i64: number; readonly v128: number },
  body: Code,
): Uint8Array<ArrayBuffer> {
  const types = vector([[0x60, ...vector(Array.from({ length: parameters }, () => [I32])), 1, I32]])
  const memory = vector([[...text('env'), ...text('memory'), 0x02, 0x00, 1]])
  const groups = vector([
    [...unsigned(locals.i32), I32],
    [...unsigned(locals.i64), I64],
    [...unsigned(locals.v128), V128],
  ])
  const code = [...groups, ...body, END]
  return new Uint8Array([
    ...MAGIC_AND_VERSION,
    ...section(1, types),
    ...section(2, memory),
    ...section(3, vector([[0]])),
    ...section(7, vector([[...text('run'), 0x00, 0]])),
    ...section(10, vector([[...unsigned(code.length), ...code]])),
  ])
}

export function local(index: number): Local {
  return {
    get: [0x20, ...unsigned(index)],
    set: (value) => [...value, 0x21, ...unsigned(index)],
  }
}

export const i32 = {
  const: (value: number): Code => [0x41, ...signed(value)],
  load: (address: number): Code => [...i32.const(0), 0x28, 2, ...unsigned(address)],
  store: (address: number, value: Code): Code => [...i32.const(0), ...value, 0x36, 2, ...unsigned(address)],
  storeAt: (address: Code, value: Code): Code => [...address, ...value, 0x36, 2, 0],
  fromI64: (a: Code): Code => [...a, 0xa7],
  isZero: (a: Code): Code => [...a, 0x45],
  add: (a: Code, b: Code): Code => [...a, ...b, 0x6a],
  sub: (a: Code, b: Code): Code => [...a, ...b, 0x6b],
  or: (a: Code, b: Code): Code => [...a, ...b, 0x72],
  shl: (a: Code, b: Code): Code => [...a, ...b, 0x74],
  lessSigned: (a: Code, b: Code): Code => [...a, ...b, 0x48],
  lessUnsigned: (a: Code, b: Code): Code => [...a, ...b, 0x49],
}

export const i64 = {
  const: (value: number): Code => [0x42, ...signed(value)],
  fromI32: (a: Code): Code => [...a, 0xac],
  fromU32: (a: Code): Code => [...a, 0xad],
  isZero: (a: Code): Code => [...a, 0x50],
  lowestBit: (a: Code): Code => [...a, 0x7a],
  countBits: (a: Code): Code => [...a, 0x7b],
  add: (a: Code, b: Code): Code => [...a, ...b, 0x7c],
  sub: (a: Code, b: Code): Code => [...a, ...b, 0x7d],
  and: (a: Code, b: Code): Code => [...a, ...b, 0x83],
  or: (a: Code, b: Code): Code => [...a, ...b, 0x84],
  xor: (a: Code, b: Code): Code => [...a, ...b, 0x85],
  shl: (a: Code, b: Code): Code => [...a, ...b, 0x86],
  shrSigned: (a: Code, b: Code): Code => [...a, ...b, 0x87],
  shrUnsigned: (a: Code, b: Code): Code => [...a, ...b, 0x88],
}

export const v128 = {
  load: (address: Code, offset: number): Code => [...address, 0xfd, 0x00, 0, ...unsigned(offset)],
  splatBytes: (byte: number): Code => [...i32.const(byte), 0xfd, 0x0f],
  equalBytes: (a: Code, b: Code): Code => [...a, ...b, 0xfd, 0x23],
  or: (a: Code, b: Code): Code => [...a, ...b, 0xfd, 0x50],
  bitmask: (a: Code): Code => [...a, 0xfd, 0x64],
}

export function when(condition: Code, then: Code, otherwise: Code = []): Code {
  return [...condition, 0x04, VOID, ...then, ...(otherwise.length > 0 ? [0x05, ...otherwise] : []), END]
}

/** Repeats `body` while `condition` holds. */
export function repeat(condition: Code, body: Code): Code {
  return [0x02, VOID, 0x03, VOID, ...condition, 0x45, 0x0d, 1, ...body, 0x0c, 0, END, END]
}

const MAGIC_AND_VERSION: Code = [0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0]
const I32 = 0x7f
const I64 = 0x7e
const V128 = 0x7b
const VOID = 0x40
const END = 0x0b

function section(id: number, content: Code): Code {
  return [id, ...unsigned(content.length), ...content]
}

function vector(items: readonly Code[]): Code {
  return [...unsigned(items.length), ...items.flat()]
}

function text(value: string): Code {
  return [...unsigned(value.length), ...Buffer.from(value)]
}

/** LEB128. */
function unsigned(value: number): Code {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...unsigned(value >>> 7)]
}

function signed(value: number): Code {
  return value >= -0x40 && value < 0x40 ? [value & 0x7f] : [(value & 0x7f) | 0x80, ...signed(value >> 7)]
}
