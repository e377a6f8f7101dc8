import { mount } from 'svelte';
import App from '~/App.svelte';
import '~/design/base.css';
import { App as State } from '~/state/app.svelte';
import Gallery from './Gallery.svelte';
import { runtimeOf, scenes } from './scenes';

// `gallery.html?scene=inbox` is the whole app in that state; without it, the parts.
const target = document.querySelector('#app') as HTMLElement;
const scene = scenes[new URLSearchParams(location.search).get('scene') ?? ''];
if (scene) {
  if (scene.at) location.hash = scene.at;
  mount(App, { target, props: { app: new State(runtimeOf(scene)) } });
} else {
  mount(Gallery, { target });
}
