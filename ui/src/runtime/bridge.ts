import type { Runtime } from './runtime';
import type { News, Reply } from './types';

/** The same calls over a loopback socket. Tests alone use it; no build that ships has it. */
export function bridge(url: string, token: string): Runtime {
  return {
    async call(call) {
      const response = await fetch(new URL('/call', url), {
        method: 'POST',
        headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
        body: JSON.stringify(call),
      });
      const body: unknown = await response.json();
      if (!response.ok) throw body;
      return body as Reply;
    },
    listen(hear) {
      const source = new EventSource(new URL(`/news?token=${encodeURIComponent(token)}`, url));
      source.onmessage = (message) => hear(JSON.parse(message.data as string) as News);
      return () => source.close();
    },
  };
}

/** The bridge that the page's address names. */
export function bridgeHere(): Runtime {
  const query = new URLSearchParams(location.search);
  return bridge(query.get('bridge') ?? location.origin, query.get('token') ?? '');
}
