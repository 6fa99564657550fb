import { existsSync, readdirSync } from 'node:fs'
import { basename, join } from 'node:path'
import { defineConfig } from 'vitest/config'

// One config for the whole street: a package holds no tool configuration. Tests run on sources, found by
// the same export condition that the compiler uses.
const street = import.meta.dirname
const houses = [
  ...readdirSync(join(street, 'packages')).map((name) => join(street, 'packages', name)),
  join(street, 'apps/experts'),
]

export default defineConfig({
  ssr: {
    resolve: { conditions: ['@code/source', 'module', 'node', 'development|production'] },
  },
  test: {
    testTimeout: 20_000,
    hookTimeout: 60_000,
    projects: [
      { extends: true, test: { name: 'house', root: join(street, 'test') } },
      ...houses
        .filter((house) => existsSync(join(house, 'test')))
        .map((house) => ({ extends: true as const, test: { name: basename(house), root: house } })),
    ],
  },
})
