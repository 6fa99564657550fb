// A whole release without a registry: version, build, pack, install each package alone, use it as a user
// does. Works on a copy, so the working tree stays as it is; nothing is published.
import { rehearseConsumer } from './release/consumer.ts'
import { runtimes } from './release/runtimes.ts'
import { scratchCopy } from './release/scratch.ts'
import { lintTarball, packAll } from './release/tarballs.ts'
import { rehearseVersions } from './release/versions.ts'
import { Tally } from './tally.ts'

const tally = new Tally()
using scratch = await scratchCopy()
await rehearseVersions(tally, scratch)
const tarballs = await packAll(tally, scratch)
const nodes = await runtimes()
for (const tarball of tarballs) {
  await lintTarball(tally, tarball)
  await rehearseConsumer(tally, scratch, tarball, tarballs, nodes)
}
tally.end()
