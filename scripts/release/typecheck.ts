import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { run } from '../run.ts'
import { tool } from '../workspace.ts'

/** The first `ts` block of a package's README. */
export function readmeExample(folder: string): string {
  const example = /^```ts\b[^\n]*\n(.*?)^```$/ms.exec(readFileSync(join(folder, 'README.md'), 'utf8'))?.[1]
  if (example === undefined) throw new Error(`README.md in ${folder} has no block that opens with \`\`\`ts`)
  return example
}

/**
 * Compiles a user's file that imports every entry, and the README example, with all declarations checked.
 * Under nodenext it also leaves `out/example.js`, in a syntax that the oldest supported Node parses.
 */
export async function typecheck(
  project: string,
  resolution: 'nodenext' | 'bundler',
  entries: readonly string[],
  example: string,
): Promise<void> {
  const imports = entries.map((entry, i) => `import * as entry${i} from '${entry}'\nvoid entry${i}\n`)
  writeFileSync(join(project, 'imports.ts'), imports.join(''))
  writeFileSync(join(project, 'example.ts'), example)
  writeFileSync(join(project, 'tsconfig.json'), JSON.stringify({ compilerOptions: options(resolution) }))
  await run(tool('tsc'), ['-p', '.'], { cwd: project })
}

function options(resolution: 'nodenext' | 'bundler'): object {
  return {
    target: 'es2022',
    lib: ['es2024', 'esnext.disposable'],
    types: ['node'],
    strict: true,
    exactOptionalPropertyTypes: true,
    skipLibCheck: false,
    moduleResolution: resolution,
    module: resolution === 'nodenext' ? 'nodenext' : 'preserve',
    ...(resolution === 'nodenext' ? { outDir: 'out', rootDir: '.' } : { noEmit: true }),
  }
}
