import { Channel, invoke } from '@tauri-apps/api/core';
import type { Runtime } from './runtime';
import type { News, Reply } from './types';

/** The desktop shell: one command for calls and one channel for news. */
export function tauri(): Runtime {
  return {
    call: (call) => invoke<Reply>('call', { call }),
    listen(hear) {
      let isHeard = true;
      const channel = new Channel<News>((news) => {
        if (isHeard) hear(news);
      });
      void invoke('listen', { channel });
      return () => {
        isHeard = false;
      };
    },
  };
}
