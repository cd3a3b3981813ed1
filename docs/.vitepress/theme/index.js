// The default theme of VitePress, with the playground.

import DefaultTheme from 'vitepress/theme';
import Playground from './Playground.vue';
import './style.css';

/** @type {import('vitepress').Theme} */
const theme = {
  extends: DefaultTheme,
  enhanceApp({ app }) {
    app.component('Playground', Playground);
  },
};
export default theme;
