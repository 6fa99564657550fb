/** One inhabited place of the GeoNames gazetteer. */
export interface Place {
  readonly name: string
  /** ISO 3166-1 alpha-2. */
  readonly country: string
  /** GeoNames' first-order division, within the country. */
  readonly region: string
  readonly lat: number
  readonly lng: number
}

/** What a name is found by: without case, accents or doubled spaces. */
export function placeKey(name: string): string {
  const plain = isAscii.test(name) ? name : name.normalize('NFKD').replaceAll(/\p{M}/gu, '')
  return plain.toLowerCase().replaceAll(/\s+/g, ' ').trim()
}

const isAscii = /^[\x20-\x7e]*$/

/**
 * The places whose names begin with the key, in order of their names, or when there is none, the names most
 * like it by trigrams. `$1` is the key, `$2` the end of its range.
 */
export const findPlacesSql = `
  with prefixed as materialized (
    select name, country, region, lat, lng, key, id from experts.places
    where key >= $1 and key < $2 order by key, id limit 5
  )
  (select name, country, region, lat, lng from prefixed order by key, id)
  union all
  (select name, country, region, lat, lng from experts.places
    where not exists (select from prefixed) and key % $1
    order by similarity(key, $1) desc, key, id limit 5)`

/**
 * The database's URL with what connections need for `findPlacesSql`: one plan for every question. Postgres would
 * plan it anew for each, prepared or not, because it estimates less for a plan of a known key; but planning takes
 * longer than finding.
 */
export function placesUrl(databaseUrl: string): string {
  const url = new URL(databaseUrl)
  const options = url.searchParams.getAll('options')
  url.searchParams.set('options', [...options, '-c plan_cache_mode=force_generic_plan'].join(' '))
  return url.href
}

/** Where Postgres tells, with the commit, that other places were imported. */
export const importsChannel = 'experts.places'

/** The parameters of `findPlacesSql` for a question. */
export function findPlacesValues(text: string): [from: string, to: string] {
  const key = placeKey(text)
  // A text of accents alone has an empty key: every name would begin with it.
  return [key, key === '' ? '' : `${key}\u{10FFFF}`]
}
