import { mkdtempSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { totalmem, tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { readMemoryLimit } from '../src/memory-limit.ts'

const mib = 2 ** 20
const none = 2 ** 64

test('the limit of a v2 group is read', () => {
  const root = folderWith({
    '/proc/self/cgroup': '0::/\n',
    '/sys/fs/cgroup/memory.max': `${512 * mib}\n`,
    '/sys/fs/cgroup/memory.high': 'max\n',
  })
  expect(readMemoryLimit(root, none)).toEqual({ bytes: 512 * mib, source: '/sys/fs/cgroup/memory.max' })
})

test('the least limit on the way to the root counts, in v2 also that at which the kernel slows a process down', () => {
  const root = folderWith({
    '/proc/self/cgroup': '0::/kubepods.slice/pod1.slice/app.scope\n',
    '/sys/fs/cgroup/kubepods.slice/memory.max': `${900 * mib}\n`,
    '/sys/fs/cgroup/kubepods.slice/pod1.slice/memory.max': `${800 * mib}\n`,
    '/sys/fs/cgroup/kubepods.slice/pod1.slice/memory.high': `${700 * mib}\n`,
    '/sys/fs/cgroup/kubepods.slice/pod1.slice/app.scope/memory.max': 'max\n',
  })
  expect(readMemoryLimit(root, none)).toEqual({
    bytes: 700 * mib,
    source: '/sys/fs/cgroup/kubepods.slice/pod1.slice/memory.high',
  })
})

test('the limit of a v1 group is read, beside controllers that say nothing of memory', () => {
  const root = folderWith({
    '/proc/self/cgroup': '11:cpu,cpuacct:/a\n4:hugetlb,memory:/docker/0f\n1:name=systemd:/b\n0::/c\n',
    '/sys/fs/cgroup/memory/memory.limit_in_bytes': '9223372036854771712\n',
    '/sys/fs/cgroup/memory/docker/0f/memory.limit_in_bytes': `${256 * mib}\n`,
    '/sys/fs/cgroup/memory/a/memory.limit_in_bytes': `${128 * mib}\n`,
  })
  expect(readMemoryLimit(root, none)).toEqual({
    bytes: 256 * mib,
    source: '/sys/fs/cgroup/memory/docker/0f/memory.limit_in_bytes',
  })
})

test('in a container that sees only its own group, the root of the mount is read', () => {
  const root = folderWith({
    '/proc/self/cgroup': '4:memory:/docker/path-of-the-host\n',
    '/sys/fs/cgroup/memory/memory.limit_in_bytes': `${300 * mib}\n`,
  })
  expect(readMemoryLimit(root, none)?.bytes).toBe(300 * mib)
})

test.each([
  ['max of v2', { '/proc/self/cgroup': '0::/\n', '/sys/fs/cgroup/memory.max': 'max\n' }],
  [
    'the largest number of v1',
    {
      '/proc/self/cgroup': '4:memory:/\n',
      '/sys/fs/cgroup/memory/memory.limit_in_bytes': '9223372036854771712\n',
    },
  ],
  [
    'more than the machine has',
    { '/proc/self/cgroup': '0::/\n', '/sys/fs/cgroup/memory.max': `${totalmem() * 2}\n` },
  ],
  ['a system without control groups', {}],
])('%s is no limit', (_, files) => {
  expect(readMemoryLimit(folderWith(files), none)).toBeUndefined()
  expect(readMemoryLimit(folderWith(files), 0)).toBeUndefined()
})

test("Node's own reading wins when it is the least", () => {
  const root = folderWith({
    '/proc/self/cgroup': '0::/\n',
    '/sys/fs/cgroup/memory.max': `${512 * mib}\n`,
  })
  expect(readMemoryLimit(root, 400 * mib)).toEqual({
    bytes: 400 * mib,
    source: 'process.constrainedMemory()',
  })
})

function folderWith(files: Readonly<Record<string, string>>): string {
  const root = mkdtempSync(join(tmpdir(), 'code-gc-'))
  onTestFinished(() => rmSync(root, { recursive: true }))
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(root, name)), { recursive: true })
    writeFileSync(join(root, name), content)
  }
  return root
}
