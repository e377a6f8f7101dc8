const NAMES = ['inbox', 'request', 'history', 'agents', 'devices', 'settings'] as const;

export type PlaceName = (typeof NAMES)[number];

/** Where in the app one is. */
export interface Place {
  name: PlaceName;
  /** Which request or row is open there, if one is. */
  id: string | null;
}

/** The address of a place, for links. */
export function href(name: PlaceName, id: string | null = null): string {
  return id === null ? `#/${name}` : `#/${name}/${encodeURIComponent(id)}`;
}

/** The place at an address; what is unknown leads to the inbox. */
export function placeAt(hash: string): Place {
  const [name, id] = hash.replace(/^#\/?/, '').split('/', 2);
  const found = NAMES.find((known) => known === name);
  if (!found || (found === 'request' && !id)) return { name: 'inbox', id: null };
  return { name: found, id: id ? decodeURIComponent(id) : null };
}

class Router {
  #place = $state.raw<Place>(placeAt(location.hash));

  get place(): Place {
    return this.#place;
  }

  /** Goes there; the way back leads here again. */
  go(name: PlaceName, id: string | null = null): void {
    if (location.hash !== href(name, id)) location.hash = href(name, id);
    this.read();
  }

  /** Reads the address again. */
  read = (): void => {
    const place = placeAt(location.hash);
    if (place.name !== this.#place.name || place.id !== this.#place.id) this.#place = place;
  };
}

export const router = new Router();
