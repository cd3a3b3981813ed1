// The default theme of VitePress, with the playground.

import DefaultTheme from 'vitepress/theme';
import Playground from './Playground.vue';
// oxlint-disable-next-line import/no-unassigned-import -- It is a style sheet.
import './style.css';

/** @type {import('vitepress').Theme} */
const theme = {
  extends: DefaultTheme,
  enhanceApp({ app }) {
    app.component('Playground', Playground);
  },
};
export default theme;
