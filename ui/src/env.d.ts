/// <reference types="svelte" />
/// <reference types="vite/client" />

/** Whether this is the build that talks to a loopback bridge in tests. */
declare const __BRIDGE__: boolean;
