import { cleanup } from '@testing-library/svelte';
import { afterEach, beforeEach } from 'vitest';
import { router } from '~/state/router.svelte';

// jsdom knows dialogs as elements and not what they do.
HTMLDialogElement.prototype.showModal ??= function (this: HTMLDialogElement) {
  this.open = true;
};
HTMLDialogElement.prototype.close ??= function (this: HTMLDialogElement) {
  this.open = false;
  this.dispatchEvent(new Event('close'));
};
window.scrollTo = () => undefined;
Element.prototype.scrollIntoView ??= () => undefined;

beforeEach(() => {
  location.hash = '';
  router.read();
});

afterEach(cleanup);
