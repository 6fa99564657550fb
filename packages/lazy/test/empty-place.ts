import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { LazyImporter } from '../src/index.ts'

export interface Place extends Disposable {
  readonly from: string
  readonly importer: LazyImporter
  write(file: string, text: string): void
  touch(specifier: string): unknown
}

/** A folder of its own, so that Node.js has seen nothing of it. */
export function emptyPlace(): Place {
  const root = mkdtempSync(join(tmpdir(), 'code-lazy-'))
  const from = join(root, 'main.js')
  const importer = new LazyImporter(from)
  return {
    from,
    importer,
    write(file, text) {
      mkdirSync(join(root, file, '..'), { recursive: true })
      writeFileSync(join(root, file), text)
    },
    touch: (specifier) => Object.keys(importer.importModule(specifier)),
    [Symbol.dispose]: () => rmSync(root, { recursive: true }),
  }
}
