/** The columns of the table that imports fill. */
export const columns: readonly string[] = ['id', 'name', 'lat', 'lon', 'country', 'people']

export const createCities =
  'create table cities (id int, name text, lat float8, lon float8, country text, people int)'

/** So many rows of it, made one by one. */
export function* cities(count: number): Iterable<readonly unknown[]> {
  for (let i = 0; i < count; i++) yield [i, `city ${i}`, i / 4_000, -i / 2_000, 'DK', i % 100_000]
}

/** The same rows as COPY's text format, in pieces of a thousand: nothing in them needs escaping. */
export function* citiesAsText(count: number): Iterable<string> {
  let piece = ''
  let rows = 0
  for (const city of cities(count)) {
    piece += `${city.join('\t')}\n`
    if (++rows % 1_000 !== 0) continue
    yield piece
    piece = ''
  }
  yield piece
}
