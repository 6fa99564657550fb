import { ObjectPool } from '@code/pool'
import genericPool, { type Pool as GenericPool } from 'generic-pool'
import { createPool as createLightningPool, type Pool as LightningPool } from 'lightning-pool'
import { Pool as TarnPool } from 'tarn'

export interface Thing {
  value: number
}

export interface Pools {
  readonly ours: ObjectPool<Thing>
  readonly generic: GenericPool<Thing>
  readonly tarn: TarnPool<Thing>
  readonly lightning: LightningPool<Thing>
  readonly array: Thing[]
  readonly close: () => Promise<void>
}

const make = (): Thing => ({ value: 1 })
const makeLater = (): Promise<Thing> => Promise.resolve(make())
const end = (): Promise<void> => Promise.resolve()

/** One full pool of each kind, all of the same things. Ours has what costs something at every loan switched on. */
export async function openPools(size: number): Promise<Pools> {
  const ours = new ObjectPool({
    create: make,
    maxSize: size,
    idleTimeoutMs: 60_000,
    maxLifetimeMs: 600_000,
    maxUses: 2 ** 40,
  })
  await ours.warm(size)
  const generic = genericPool.createPool({ create: makeLater, destroy: end }, { min: size, max: size })
  await generic.ready()
  const tarn = new TarnPool<Thing>({ create: makeLater, destroy: () => {}, min: size, max: size })
  const lightning = createLightningPool({ create: makeLater, destroy: end }, { min: size, max: size })
  lightning.start()
  const array = Array.from({ length: size }, make)
  return {
    ours,
    generic,
    tarn,
    lightning,
    array,
    close: async () => {
      lightning.close()
      await Promise.all([ours.close(), generic.drain(), tarn.destroy()])
    },
  }
}
