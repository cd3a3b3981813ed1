// The reference: one page for each entry point of the package, made by typedoc from the declarations in dist/.
// `node docs/.vitepress/reference.mjs` writes docs/reference/, which is not in git.

import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const DOCS = fileURLToPath(new URL('..', import.meta.url));

/** The entry points with the file of their declarations, and the name of their page. */
function entryPoints() {
  const { exports } = JSON.parse(readFileSync(join(DOCS, '../package.json'), 'utf8'));
  const entries = [];
  for (const [path, conditions] of Object.entries(exports)) {
    const types = typesOf(conditions);
    if (types === undefined || entries.some((entry) => entry.types === join(DOCS, '..', types))) continue;
    const name = `wasock${path.slice(1)}`;
    entries.push({ name, page: path === '.' ? 'wasock' : `wasock/${path.slice(2)}`, types: join(DOCS, '..', types) });
  }
  return entries;
}

/** The declarations that a program on Node.js sees, or those of the first runtime that has some. */
function typesOf(conditions) {
  if (conditions === null || typeof conditions !== 'object') return undefined;
  for (const key of ['default', ...Object.keys(conditions)]) {
    const value = conditions[key];
    if (value === undefined) continue;
    if (key === 'types') {
      const path = typeof value === 'string' ? value : value.default;
      if (path?.endsWith('.d.ts')) return path;
    }
    const found = typesOf(value);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** The pages that exist, for the sidebar. @param {string} docs */
export function referencePages(docs) {
  return entryPoints().flatMap(({ name, page }) => {
    // typedoc numbers a page whose name is also a folder of another entry point.
    const found = [page, `${page}/index`, `${page}-1`].find((path) => existsSync(join(docs, 'reference', `${path}.md`)));
    return found === undefined ? [] : [{ text: name, link: `/reference/${found.replace(/index$/, '')}` }];
  });
}

async function write() {
  const { Application } = await import('typedoc');
  const folder = join(DOCS, 'reference');
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const entries = entryPoints();
  const app = await Application.bootstrapWithPlugins({
    plugin: ['typedoc-plugin-markdown'],
    outputs: [{ name: 'markdown', path: folder }],
    entryPoints: entries.map(({ types }) => types),
    tsconfig: join(DOCS, 'tsconfig.json'),
    basePath: join(DOCS, '..'),
    readme: 'none',
    disableSources: true,
    excludeExternals: true,
    skipErrorChecking: true,
    logLevel: 'Error',
    router: 'module',
    entryFileName: 'index',
    hideBreadcrumbs: true,
    hidePageHeader: true,
    parametersFormat: 'table',
    propertiesFormat: 'table',
    typeDeclarationFormat: 'table',
    // Types of Node.js and of the DOM are documented where they belong.
    validation: { notExported: false, invalidLink: false, notDocumented: false },
  });
  const project = await app.convert();
  if (project === undefined) throw new Error('The declarations cannot be read: run `npm run build` first');
  // typedoc names a module by its file.
  const names = new Map(
    entries.map(({ name, types }) => [relative(join(DOCS, '..'), types).replace(/(\/index)?\.d\.ts$/, ''), name]),
  );
  for (const module of project.children) module.name = names.get(module.name) ?? module.name;
  await app.generateOutputs(project);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await write();
}
