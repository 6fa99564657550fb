import { verbs, type Closable } from './closing.ts'
import { letGo, type LivingInstances } from './living-instances.ts'
import { describe } from './options.ts'

/** What `managed` takes: classes, abstract ones too, whose instances have a verb for their end. */
export type ManageableClass = abstract new (...args: never[]) => Closable

/**
 * Derives a class that is the given one in name, statics and behaviour, and whose instances are followed from
 * their construction until one of their verbs is called. What a class derived from the result does later, such as
 * to throw or to set a verb as a field, is not seen: derive first, then manage.
 *
 * @throws {TypeError} when it is no class, or its prototype has no verb
 */
export function manageClass<C extends ManageableClass>(
  original: C,
  context: ClassDecoratorContext | undefined,
  followInstances: (name: string) => LivingInstances,
): C {
  if (typeof original !== 'function' || (context !== undefined && context.kind !== 'class')) {
    throw new TypeError(`managed takes a class, got ${describe(context?.kind ?? original)}`)
  }
  const base = original as unknown as new (...args: unknown[]) => object
  const own = verbs.filter((verb) => typeof base.prototype?.[verb] === 'function')
  if (own.length === 0) {
    const expected = 'with cleanup(), close(), Symbol.dispose or Symbol.asyncDispose on its prototype'
    throw new TypeError(`managed takes a class ${expected}, got ${describe(original)}`)
  }
  const living = followInstances(context?.name ?? (base.name || 'anonymous class'))

  const Managed = class extends base {
    constructor(...args: unknown[]) {
      super(...args)
      living.add(this, new.target)
      noticeOthers(this)
    }
  }
  // A verb may be a field, and what a derived class puts in its place may do without super.
  const noticeOthers = (instance: object): void => {
    for (const verb of verbs) {
      const other: unknown = Reflect.get(instance, verb)
      if (typeof other !== 'function' || other === Reflect.get(Managed.prototype, verb)) continue
      const noticed = noticing(other as Verb)
      if (Object.hasOwn(instance, verb)) Reflect.set(instance, verb, noticed)
      else define(instance, verb, noticed)
    }
  }
  for (const verb of own) define(Managed.prototype, verb, noticing(base.prototype[verb]))
  define(Managed, 'name', base.name)
  define(Managed, 'length', base.length)
  return Managed as unknown as C
}

type Verb = (...args: unknown[]) => unknown

function noticing(verb: Verb): Verb {
  const noticed = function (this: object, ...args: unknown[]): unknown {
    letGo(this)
    return Reflect.apply(verb, this, args)
  }
  // So that the wish for a deadline can still be read from it.
  define(noticed, 'toString', () => String(verb))
  define(noticed, 'name', verb.name)
  define(noticed, 'length', verb.length)
  return noticed
}

function define(owner: object, key: string | symbol, value: unknown): void {
  // Of a frozen instance it is not noticed: that is no reason to fail.
  Reflect.defineProperty(owner, key, { value, configurable: true, writable: true, enumerable: false })
}
