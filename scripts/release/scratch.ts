import { appendFileSync, cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { run } from '../run.ts'
import { root } from '../workspace.ts'

/** A copy of the repository that a rehearsal may change; its folder is removed at the end. */
export interface Scratch extends Disposable {
  /** The copied workspace, a git repository of its own with everything committed. */
  readonly workspace: string
  /** Makes an empty folder beside it. */
  folder(name: string): string
  git(...args: readonly string[]): Promise<string>
}

/** Copies what git knows or would add, so uncommitted work is rehearsed too. */
export async function scratchCopy(): Promise<Scratch> {
  const home = mkdtempSync(join(tmpdir(), 'code-rehearsal-'))
  const folder = (name: string): string => {
    mkdirSync(join(home, name), { recursive: true })
    return join(home, name)
  }
  const workspace = folder('workspace')
  const listed = await run('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
    cwd: root,
  })
  const files = listed.split('\0').filter((file) => file !== '' && existsSync(join(root, file)))
  for (const file of files) {
    mkdirSync(dirname(join(workspace, file)), { recursive: true })
    cpSync(join(root, file), join(workspace, file))
  }
  shareInstalled(files, workspace)

  const git = (...args: readonly string[]) => run('git', [...identity, ...args], { cwd: workspace })
  await git('init', '--quiet', '--initial-branch=main')
  // `node_modules/` in .gitignore does not match a link.
  appendFileSync(join(workspace, '.git/info/exclude'), 'node_modules\n')
  await git('add', '--all')
  await git('commit', '--quiet', '--message=As it is')
  return {
    workspace,
    folder,
    git,
    [Symbol.dispose]: () => rmSync(home, { recursive: true, force: true }),
  }
}

const identity = [
  'user.name=rehearsal',
  'user.email=rehearsal@localhost',
  'commit.gpgsign=false',
  'core.hooksPath=/dev/null',
].flatMap((setting) => ['-c', setting])

// Nothing is installed again. The links in a package's own node_modules are relative: those to other
// packages stay inside the copy, those to third parties lead through the copy's node_modules to the root's.
function shareInstalled(files: readonly string[], workspace: string): void {
  symlinkSync(join(root, 'node_modules'), join(workspace, 'node_modules'), 'dir')
  for (const file of files.filter((name) => name.endsWith('/package.json'))) {
    const installed = join(dirname(file), 'node_modules')
    if (existsSync(join(root, installed))) {
      cpSync(join(root, installed), join(workspace, installed), { recursive: true, verbatimSymlinks: true })
    }
  }
}
