// Compiles programs against our package as npm installs it: the types that `npm run build` has made.

import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** Compilers, and the ways that each reads a package. @see {@link compile} */
const COMPILERS = {
  '5.9': join(ROOT, 'node_modules/typescript-5.9/bin/tsc'),
  '7': join(ROOT, 'node_modules/typescript/bin/tsc'),
} as const;
export type Compiler = keyof typeof COMPILERS;
const MODULES = ['commonjs', 'nodenext', 'preserve', 'bundler'] as const;
export type Module = (typeof MODULES)[number];
export const MODES: readonly (readonly [Compiler, Module])[] = (['5.9', '7'] as const).flatMap((compiler) =>
  MODULES.map((module) => [compiler, module] as const),
);

/** Options of a module mode; TypeScript 7 has `commonjs` for bundlers only, and 5.9 for Node.js 10 only. */
function modeOf(module: Module, compiler: Compiler): object {
  if (module === 'bundler') return { module: 'esnext', moduleResolution: 'bundler' };
  if (module === 'preserve') return { module, moduleResolution: 'bundler' };
  if (module === 'nodenext') return { module, moduleResolution: module };
  return { module, moduleResolution: compiler === '5.9' ? 'node10' : 'bundler' };
}

interface CompilePlan {
  readonly module: Module;
  /** Default '7'. */
  readonly compiler?: Compiler | undefined;
  /** Names under which our package is installed. */
  readonly packages: readonly string[];
  /** More options of the compiler. */
  readonly options?: object | undefined;
}

/** @returns The messages of the compiler about `programs`, each a module of its own: the text of a file by its name, or by its name without `.ts`. */
export async function compile(programs: Readonly<Record<string, string>>, plan: CompilePlan): Promise<string> {
  const { module, compiler = '7', packages, options } = plan;
  // Inside the package, so that node_modules is found.
  const parent = join(ROOT, 'node_modules/.cache');
  await mkdir(parent, { recursive: true });
  const folder = await mkdtemp(join(parent, 'types-'));
  try {
    const compilerOptions = {
      strict: true,
      noEmit: true,
      skipLibCheck: false,
      target: 'ES2022',
      lib: ['ES2023', 'DOM'],
      types: ['node'],
      ...modeOf(module, compiler),
      esModuleInterop: true,
      ...options,
    };
    await writeFile(join(folder, 'package.json'), module === 'commonjs' ? '{}' : '{"type":"module"}');
    await mkdir(join(folder, 'node_modules'));
    for (const name of packages) await symlink(ROOT, join(folder, 'node_modules', name));
    await writeFile(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, include: ['*.ts', '*.cts'] }));
    for (const [name, text] of Object.entries(programs))
      await writeFile(join(folder, name.includes('.') ? name : `${name}.ts`), text);
    return await new Promise((resolve) => {
      execFile(process.execPath, [COMPILERS[compiler], '-p', folder], { cwd: folder }, (_error, stdout) => {
        resolve(
          stdout
            .split('\n')
            .filter((line) => !line.startsWith('npm'))
            .join('\n')
            .trim(),
        );
      });
    });
  } finally {
    await rm(folder, { recursive: true });
  }
}
