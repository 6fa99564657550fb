// Bytes of HTTP as numbers, so that the parser makes no string of what it only compares.
export const lineFeed = 0x0a
export const carriageReturn = 0x0d
export const space = 0x20
export const comma = 0x2c
export const zero = 0x30
export const colon = 0x3a
export const semicolon = 0x3b

/** Whether `word`, in lower case, stands at `from` in any case. */
export function startsWith(bytes: Buffer, from: number, word: string): boolean {
  for (let i = 0; i < word.length; i++) {
    if ((bytes[from + i]! | 0x20) !== (word.charCodeAt(i) | 0x20)) return false
  }
  return true
}

export function isBlank(byte: number): boolean {
  return byte === 0x20 || byte === 0x09
}

export function isDigit(byte: number): boolean {
  return byte >= 0x30 && byte <= 0x39
}

/** Whether the byte may stand in a header name: RFC 9110 §5.6.2. */
export function isTokenByte(byte: number): boolean {
  return tokenBytes[byte] === 1
}

/** 0 to 15, or -1 when the byte is no hexadecimal digit. */
export function hexValue(byte: number): number {
  if (isDigit(byte)) return byte - zero
  const lower = byte | 0x20
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1
}

/** A line as it may be shown in a message: short, and without control characters. */
export function excerpt(bytes: Buffer, from: number, to: number): string {
  const text = JSON.stringify(bytes.toString('latin1', from, Math.min(to, from + 60)))
  return to - from > 60 ? `${text} …` : text
}

const tokenBytes = Uint8Array.from({ length: 256 }, (_, byte) =>
  /[\w!#$%&'*+.^`|~-]/.test(String.fromCharCode(byte)) ? 1 : 0,
)
