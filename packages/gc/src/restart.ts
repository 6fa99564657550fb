import { isMainThread } from 'node:worker_threads'

/** Holds the process id of whoever was restarted, so children that inherit it may still restart themselves. */
const marker = 'CODE_GC_RESTARTED'

/**
 * Replaces this process by one with more flags: same process id, arguments, environment, folder and standard streams.
 * Does not return when it succeeds; else tells why it did not.
 */
export function restartWith(flags: readonly string[]): string {
  const { argv, argv0, env, execArgv, execPath, pid, platform } = process
  if (!isMainThread) return 'a worker thread cannot restart its process'
  if (process.execve === undefined)
    return `Node.js ${process.versions.node} on ${platform} has no process.execve`
  if (env[marker] === String(pid)) return 'this process was restarted already'
  if (process.channel) return 'the channel to the parent process would be lost'
  const script = argv.slice(1)
  if (!isRepeatable(script[0], execArgv)) return 'the program came from standard input'
  try {
    process.execve(execPath, [argv0, ...flags, ...execArgv, '--', ...script], {
      ...env,
      [marker]: String(pid),
    })
  } catch (error) {
    return `process.execve refused: ${String(error)}`
  }
  return 'process.execve returned'
}

function isRepeatable(script: string | undefined, execArgv: readonly string[]): boolean {
  const isEval = execArgv.some((flag) => /^(-p?e|-p|--eval|--print)(=|$)/.test(flag))
  return isEval || (script !== undefined && script !== '-')
}
