import { ENDS, scannerCode, state, TEXT, WINDOW } from './scanner-code.ts'

/**
 * Finds where records may end, without judging what is in them. In an array these are the commas at depth 0
 * and the bracket that closes it; in NDJSON, the newlines. It remembers between scans whether it is inside a
 * string and how deep, so a text can be scanned as it arrives.
 *
 * The idea of comparing 64 bytes at once into bit masks and finding strings by a running exclusive or is from
 * Langdale and Lemire, "Parsing Gigabytes of JSON per Second" (2019), §3.1.
 */
export class Scanner {
  readonly #memory: WasmMemory
  readonly #exports: ScannerExports
  #state: Int32Array
  #ends: Uint32Array

  constructor(textBytes: number) {
    compiled ??= new WebAssembly.Module(scannerCode())
    this.#memory = new WebAssembly.Memory({ initial: pages(textBytes) })
    this.#exports = new WebAssembly.Instance(compiled, { env: { memory: this.#memory } }).exports
    this.#state = new Int32Array(this.#memory.buffer, 0, ENDS / 4)
    this.#ends = new Uint32Array(this.#memory.buffer, ENDS, WINDOW)
  }

  /** A view of the memory; the text belongs from `TEXT` on, and a block before it is free. Dead after `grow`. */
  view(): Buffer<ArrayBuffer> {
    return Buffer.from(this.#memory.buffer)
  }

  /**
   * Looks at [from, to), at most `WINDOW` bytes in whole blocks, and returns where records may end in it: the
   * newlines with `lines`, else commas and the closing bracket. Valid until the next scan.
   */
  scan(from: number, to: number, lines: boolean): Uint32Array {
    return this.#ends.subarray(0, this.#exports.run(from, to, lines ? 1 : 0))
  }

  /** How deep the text is nested where the last scan ended. */
  get depth(): number {
    return this.#state[state.depth / 4]!
  }

  /** The greatest depth met in the last scan. */
  get deepest(): number {
    return this.#state[state.deepest / 4]!
  }

  /** Newlines in the last scan. */
  get newlines(): number {
    return this.#state[state.newlines / 4]!
  }

  /** Newlines in the last scan up to the last place that it returned, that place included. */
  get newlinesToLastEnd(): number {
    return this.#state[state.newlinesToEnd / 4]!
  }

  /** The last scan met the bracket that closes the array; it is the last place returned. */
  get closed(): boolean {
    return this.#state[state.closed / 4] === 1
  }

  /** A line of NDJSON in the last scan cannot be one value: it ends inside one or has a comma outside any. */
  get torn(): boolean {
    return this.#state[state.torn / 4] === 1
  }

  /** Forgets what it was inside of. */
  reset(): void {
    this.#state.fill(0)
  }

  /** Makes room for `textBytes` of text in all. The text stays; the memory is another object afterwards. */
  grow(textBytes: number): void {
    this.#memory.grow(pages(textBytes) - this.#memory.buffer.byteLength / PAGE)
    this.#state = new Int32Array(this.#memory.buffer, 0, ENDS / 4)
    this.#ends = new Uint32Array(this.#memory.buffer, ENDS, WINDOW)
  }
}

interface ScannerExports {
  run(from: number, to: number, lines: number): number
}

/** `@types/node` has no WebAssembly. */
interface WasmMemory {
  readonly buffer: ArrayBuffer
  grow(pages: number): number
}
declare const WebAssembly: {
  readonly Module: new (bytes: Uint8Array<ArrayBuffer>) => object
  readonly Memory: new (o: { initial: number }) => WasmMemory
  readonly Instance: new (
    module: object,
    imports: { env: { memory: WasmMemory } },
  ) => { readonly exports: ScannerExports }
}

let compiled: object | undefined

const PAGE = 65_536

function pages(textBytes: number): number {
  return Math.ceil((TEXT + textBytes) / PAGE)
}
