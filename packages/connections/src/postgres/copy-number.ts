/** No number's text has more characters: 17 digits behind `-0.00000`. */
export const longestNumber = 25

/**
 * Writes a number as `String` would put it, and tells where it ends. Integers of 32 bits and numbers of few
 * decimals, which most are, go digit by digit without a text to be collected.
 */
export function writeNumber(buffer: Buffer, start: number, value: number): number {
  let at = start
  let rest = value
  if (value < 0) {
    buffer[at++] = minus
    rest = -value
  }
  if ((rest | 0) === rest) return writeInteger(buffer, at, rest)
  // A decimal of up to 15 digits is the only one of that length that is read as its number (IEEE 754), so it is the
  // shortest, and shortest is what `String` gives.
  const scaled = Math.round(rest * scale)
  if (scaled < 1e15 && scaled / scale === rest) {
    // `| 0` has V8 go on with integers.
    const whole = (scaled / scale) | 0
    at = writeInteger(buffer, at, whole)
    return writeFraction(buffer, at, (scaled - whole * scale) | 0)
  }
  const text = String(value)
  at = start
  for (let i = 0; i < text.length; i++) buffer[at++] = text.charCodeAt(i)
  return at
}

/** From the last digit to the first. */
function writeInteger(buffer: Buffer, start: number, value: number): number {
  let digits = 1
  for (let power = 10; value >= power; power *= 10) digits++
  writeDigits(buffer, start, digits, value)
  return start + digits
}

/** Millionths, without zeros at the end. */
function writeFraction(buffer: Buffer, start: number, millionths: number): number {
  if (millionths === 0) return start
  let digits = decimals
  let rest = millionths
  while (rest % 10 === 0) {
    rest = (rest / 10) | 0
    digits--
  }
  buffer[start] = point
  writeDigits(buffer, start + 1, digits, rest)
  return start + 1 + digits
}

/** So many digits, the last first; zeros stand before a smaller number. */
function writeDigits(buffer: Buffer, start: number, digits: number, value: number): void {
  let rest = value
  for (let at = start + digits - 1; at >= start; at--) {
    const tenth = (rest / 10) | 0
    buffer[at] = zero + rest - 10 * tenth
    rest = tenth
  }
}

const decimals = 6
const scale = 10 ** decimals
const minus = 45
const point = 46
const zero = 48
