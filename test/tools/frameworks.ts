// The frameworks of examples/frameworks/, as docs/frameworks.md shows them. `npm run test:frameworks` runs them.

import { readFileSync } from 'node:fs';
import { extname } from 'node:path';

/** A framework, and the part of docs/frameworks.md with its example. */
interface Framework {
  /** Its name, which is also the heading of its section. */
  readonly name: string;
  /** The packages whose versions the table shows. */
  readonly packages: readonly string[];
  /** Where the tests run the example. */
  readonly runtimes: string;
  /** Files of examples/frameworks/ to show, by the name of their generated part. */
  readonly files: Readonly<Record<string, string>>;
}

const FRAMEWORKS: readonly Framework[] = [
  { name: 'Express', packages: ['express'], runtimes: 'Node.js', files: { frameworkExpress: 'express/server.mjs' } },
  { name: 'Fastify', packages: ['fastify'], runtimes: 'Node.js', files: { frameworkFastify: 'fastify/server.mjs' } },
  {
    name: 'Hono',
    packages: ['hono', '@hono/node-server'],
    runtimes: 'Node.js, Deno, Bun, workerd',
    files: {
      frameworkHonoNode: 'hono/node.mjs',
      frameworkHonoDeno: 'hono/deno.mjs',
      frameworkHonoBun: 'hono/bun.mjs',
      frameworkHonoWorker: 'hono/worker.mjs',
    },
  },
  { name: 'Elysia', packages: ['elysia'], runtimes: 'Bun', files: { frameworkElysia: 'elysia/server.mjs' } },
  { name: 'crossws', packages: ['crossws'], runtimes: 'Node.js', files: { frameworkCrossws: 'crossws/server.mjs' } },
  { name: 'h3', packages: ['h3', 'crossws'], runtimes: 'Node.js', files: { frameworkH3: 'h3/server.mjs' } },
  {
    name: 'Nitro',
    packages: ['nitro', 'crossws'],
    runtimes: 'Node.js',
    files: {
      frameworkNitroConfig: 'nitro/nitro.config.mjs',
      frameworkNitroRoute: 'nitro/routes/echo.mjs',
      frameworkNitroMiddleware: 'nitro/middleware/upgrades.mjs',
    },
  },
  {
    name: 'NestJS',
    packages: ['@nestjs/core', '@nestjs/platform-ws'],
    runtimes: 'Node.js',
    files: { frameworkNest: 'nestjs/server.ts' },
  },
  { name: 'Next.js', packages: ['next', 'react'], runtimes: 'Node.js', files: { frameworkNext: 'nextjs/server.mjs' } },
  {
    name: 'SvelteKit',
    packages: ['@sveltejs/kit', '@sveltejs/adapter-node'],
    runtimes: 'Node.js 24',
    files: {
      frameworkSvelteServer: 'sveltekit/server.js',
      frameworkSvelteWebSockets: 'sveltekit/websockets.js',
      frameworkSvelteVite: 'sveltekit/vite.config.js',
    },
  },
  {
    name: 'React Router',
    packages: ['react-router', '@react-router/express'],
    runtimes: 'Node.js 24',
    files: { frameworkReactRouter: 'react-router/server.js' },
  },
];

/** Languages of code blocks, by the ending of the file. */
const LANGUAGES: ReadonlyMap<string, string> = new Map([
  ['.js', 'js'],
  ['.mjs', 'js'],
  ['.ts', 'ts'],
]);

/** The rows of the table: name, versions, runtimes, and a link to the example. */
export function frameworkRows(): string[][] {
  const manifest = readFileSync(new URL('../frameworks/package.json', import.meta.url), 'utf8');
  const { dependencies } = JSON.parse(manifest) as { dependencies: Record<string, string> };
  return FRAMEWORKS.map(({ name, packages, runtimes, files }) => {
    const [folder] = Object.values(files)[0].split('/');
    return [
      `[${name}](#${name
        .toLowerCase()
        .replaceAll(/[^\w -]/g, '')
        .replaceAll(' ', '-')})`,
      packages.map((one) => `\`${one}\` ${dependencies[one]}`).join(', '),
      runtimes,
      `[${folder}](../examples/frameworks/${folder})`,
    ];
  });
}

/** The generated parts with the files, as code blocks. */
export function frameworkFiles(): [part: string, block: string][] {
  return FRAMEWORKS.flatMap(({ files }) =>
    Object.entries(files).map(([part, file]): [string, string] => {
      const text = readFileSync(new URL(`../../examples/frameworks/${file}`, import.meta.url), 'utf8');
      return [part, `\`\`\`${LANGUAGES.get(extname(file)) ?? 'text'}\n${text.trimEnd()}\n\`\`\``];
    }),
  );
}
