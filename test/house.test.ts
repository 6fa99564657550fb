import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { basename, dirname, join, relative } from 'node:path'
import { isBuiltin } from 'node:module'
import { fileURLToPath } from 'node:url'
import { expect, test, describe } from 'vitest'

// The rules that hold for every package. CONTRIBUTING.md gives the reasons.

const root = join(dirname(fileURLToPath(import.meta.url)), '..')

/** Which package may depend on which. A new arrow needs its reason in the commit. */
const allowedArrows = new Map([['@code/connections', ['@code/pool']]])

/** Foreign libraries, each imported in exactly one file of a package. */
const adapters = new Map([
  ['connections', { pg: 'src/postgres/wire/pg.ts', undici: 'src/http/shared-agent.ts' }],
])

const readmeSections = [
  'Install',
  'Example',
  'When to use it, and when not',
  'Options',
  'Errors',
  'Telemetry',
  'Figures',
  'Licence',
]

interface Manifest {
  name: string
  private?: boolean
  type: string
  exports: Record<string, unknown>
  scripts?: Record<string, string>
  dependencies?: Record<string, string>
  devDependencies?: Record<string, string>
  peerDependencies?: Record<string, string>
  peerDependenciesMeta?: Record<string, { optional?: boolean }>
  [key: string]: unknown
}

const packages = readdirSync(join(root, 'packages')).map((folder) => {
  const path = join(root, 'packages', folder)
  const manifest = JSON.parse(readFileSync(join(path, 'package.json'), 'utf8')) as Manifest
  return { folder, path, manifest }
})
const published = packages.filter(({ manifest }) => !manifest.private)

describe.each(published)('packages/$folder', ({ folder, path, manifest }) => {
  const sources = filesUnder(join(path, 'src'))
  const imports = sources.flatMap((file) => importsOf(file).map((specifier) => ({ file, specifier })))

  test('its package.json has the shape of all', () => {
    const {
      exports,
      keywords,
      description,
      version,
      dependencies = {},
      peerDependencies = {},
      ...rest
    } = manifest
    expect(keywords).not.toEqual([])
    expect(description).toMatch(/\.$/)
    expect(version).toMatch(/^\d+\.\d+\.\d+$/)
    expect(rest).toEqual({
      name: `@code/${folder}`,
      license: 'MIT',
      files: ['dist', 'src'],
      type: 'module',
      sideEffects: false,
      publishConfig: { access: 'public' },
      scripts: {
        build: 'tsc -p tsconfig.build.json',
        typecheck: 'tsc -p tsconfig.json',
        test: `vitest run --root ../.. --project ${folder}`,
        bench: 'node bench/run.ts',
        ...(existsSync(join(path, 'bench/full.ts')) && { 'bench:full': 'node bench/full.ts' }),
      },
      devDependencies: rest.devDependencies,
      ...(rest.peerDependenciesMeta && { peerDependenciesMeta: rest.peerDependenciesMeta }),
      engines: { node: '>=22.19' },
    })
    for (const [entry, target] of Object.entries(exports)) {
      if (entry === './package.json') continue
      const name = entry === '.' ? 'index' : entry.slice(2)
      expect(target).toEqual({
        '@code/source': `./src/${name}.ts`,
        types: `./dist/${name}.d.ts`,
        default: `./dist/${name}.js`,
      })
    }
    expect(Object.keys(dependencies)).toEqual(allowedArrows.get(manifest.name) ?? [])
    const optional = Object.entries(manifest.peerDependenciesMeta ?? {}).filter(([, meta]) => meta.optional)
    expect(optional.map(([name]) => name)).toEqual(Object.keys(peerDependencies))
  })

  test('it has the files of all', () => {
    for (const file of ['README.md', 'LICENSE', 'tsconfig.json', 'tsconfig.build.json', 'bench/run.ts']) {
      expect(existsSync(join(path, file)), file).toBe(true)
    }
    for (const file of ['src/index.ts', 'src/errors.ts', 'test/exports.test.ts', 'test/readme.test.ts']) {
      expect(existsSync(join(path, file)), file).toBe(true)
    }
    expect(readFileSync(join(path, 'LICENSE'), 'utf8')).toBe(readFileSync(join(root, 'LICENSE'), 'utf8'))
  })

  test('its README has the sections of all, in order, and fits 150 lines', () => {
    const readme = readFileSync(join(path, 'README.md'), 'utf8')
    expect(readme.startsWith(`# @code/${folder}\n`)).toBe(true)
    expect([...readme.matchAll(/^## (.*)$/gm)].map(([, title]) => title)).toEqual(readmeSections)
    expect(readme.split('\n').length).toBeLessThanOrEqual(151)
  })

  test('its sources import node, themselves, and what it declares', () => {
    const declared = Object.keys({ ...manifest.dependencies, ...manifest.peerDependencies })
    for (const { file, specifier } of imports) {
      if (specifier.startsWith('.')) {
        expect(specifier, file).toMatch(/\.ts$/)
        expect(relative(join(path, 'src'), join(dirname(file), specifier)), file).not.toMatch(/^\.\./)
      } else if (isBuiltin(specifier)) {
        expect(specifier, file).toMatch(/^node:/)
      } else {
        expect(declared, file).toContain(packageOf(specifier))
      }
    }
  })

  test('it imports a foreign library in its adapter file only', () => {
    const foreign = imports.filter(
      ({ specifier }) =>
        !specifier.startsWith('.') && !isBuiltin(specifier) && !specifier.startsWith('@code/'),
    )
    const allowed = Object.entries(adapters.get(folder) ?? {})
    const found = foreign.map(({ file, specifier }) => [packageOf(specifier), relative(path, file)])
    expect(new Set(found.map(String))).toEqual(new Set(allowed.map(String)))
  })

  test('its index files re-export by name and do nothing else', () => {
    const index = readFileSync(join(path, 'src/index.ts'), 'utf8')
    const statements = index.replaceAll(/export (type )?\{[^}]*\} from '\.[^']+'/g, '').trim()
    expect(statements).toBe('')
  })

  test('its sources keep to the house style', () => {
    const classesOfErrors = sources.flatMap((file) => [
      ...readFileSync(file, 'utf8').matchAll(/class (\w+) extends \w*Error\b/g),
    ])
    expect(classesOfErrors.map(([, name]) => name)).toHaveLength(1)
    for (const file of sources) {
      const text = readFileSync(file, 'utf8')
      expect(basename(file), file).not.toMatch(/^(utils?|helpers?|common|misc|core|base|types)\.ts$/)
      expect(text, `${file}: no "using" in what is shipped`).not.toMatch(/^\s*(await )?using \w+ =/m)
      expect(text, `${file}: private members are #private`).not.toMatch(
        /^\s*(private|protected|public) (?!constructor)/m,
      )
      expect(text, file).not.toMatch(/export \*|export default|\benum \w+ \{|\bnamespace \w+ \{|@ts-ignore/)
      expect(text.split('\n').length, `${file}: split by concept`).toBeLessThanOrEqual(301)
    }
  })

  test('nothing of it holds open what it found at import: its instrument file is the one of all', () => {
    const file = join(path, 'src/instrument.ts')
    if (!existsSync(file)) return
    expect(readFileSync(file, 'utf8')).toBe(
      readFileSync(join(root, 'packages/pool/src/instrument.ts'), 'utf8'),
    )
  })
})

test('only tests, benches and apps use the testkit', () => {
  for (const { manifest } of published) {
    expect(Object.keys({ ...manifest.dependencies, ...manifest.peerDependencies })).not.toContain(
      '@code/testkit',
    )
  }
})

test('no package imports an app or the benchmarks', () => {
  for (const { path } of packages) {
    for (const file of [...filesUnder(join(path, 'src')), ...filesUnder(join(path, 'test'))]) {
      for (const specifier of importsOf(file)) {
        expect(packageOf(specifier), file).not.toMatch(/^(experts|benchmarks)$/)
        expect(specifier, file).not.toMatch(/\/(apps|benchmarks)\//)
      }
    }
  }
})

test('the channels published are those that docs/contracts.md says are published today', () => {
  const contracts = readFileSync(join(root, 'docs/contracts.md'), 'utf8')
  const [, today = ''] = contracts.split(/^### (?:Published today|Reserved)$/m)
  const described = [...today.matchAll(/^\| `(code:[^`]+)`/gm)].map(([, name]) => name)
  const channels = published.flatMap(({ folder, path }) =>
    filesUnder(join(path, 'src')).flatMap((file) =>
      [...readFileSync(file, 'utf8').matchAll(/channel\('(code:[^']+)'\)/g)].map(([, name]) => {
        expect(name, file).toMatch(new RegExp(`^code:${folder}:[a-z]+$`))
        return name
      }),
    ),
  )
  expect(new Set(described)).toEqual(new Set(channels))
  expect(described).toHaveLength(channels.length)
})

function filesUnder(folder: string): string[] {
  if (!existsSync(folder)) return []
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => join(folder, name))
}

function importsOf(file: string): string[] {
  const text = readFileSync(file, 'utf8')
  const statements = text.matchAll(
    /^\s*(?:import|export)\b[^'";]*?\bfrom '([^']+)'|^\s*import '([^']+)'|\bimport\('([^']+)'\)/gm,
  )
  return [...statements].map(([, from, bare, dynamic]) => (from ?? bare ?? dynamic)!)
}

function packageOf(specifier: string): string {
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/')
}
