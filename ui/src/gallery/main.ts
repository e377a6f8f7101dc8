import { mount } from 'svelte';
import '~/design/base.css';
import Gallery from './Gallery.svelte';

mount(Gallery, { target: document.querySelector('#app') as HTMLElement });
