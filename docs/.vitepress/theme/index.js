// The default theme of VitePress, with the charts and the playground.

import DefaultTheme from 'vitepress/theme';
import Chart from './Chart.vue';
import Playground from './Playground.vue';
import './style.css';

/** @type {import('vitepress').Theme} */
const theme = {
  extends: DefaultTheme,
  enhanceApp({ app }) {
    app.component('Chart', Chart);
    app.component('Playground', Playground);
  },
};
export default theme;
