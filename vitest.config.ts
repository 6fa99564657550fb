import { existsSync, readdirSync } from 'node:fs'
import { defineConfig } from 'vitest/config'

// One config for the whole street: a package holds no tool configuration. Tests run on sources, found by
// the same export condition that the compiler uses.
const folders = [...readdirSync('packages').map((name) => `packages/${name}`), 'apps/experts', 'benchmarks']

export default defineConfig({
  ssr: {
    resolve: { conditions: ['@code/source', 'module', 'node', 'development|production'] },
  },
  test: {
    testTimeout: 20_000,
    hookTimeout: 60_000,
    projects: [
      { extends: true, test: { name: 'house', root: 'test' } },
      ...folders
        .filter((folder) => existsSync(`${folder}/test`))
        .map((folder) => ({
          extends: true as const,
          test: { name: folder.split('/').pop() ?? folder, root: folder },
        })),
    ],
  },
})
