import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { AssetHashType, DockerImage } from 'aws-cdk-lib'
import { Code } from 'aws-cdk-lib/aws-lambda'
import { FUNCTION_ENTRIES } from './functions.ts'

const PROJECT = join(import.meta.dirname, '..')
const FUNCTIONS = join(PROJECT, 'functions')
/** The directory of the bundled functions in the installed package: see `scripts/build.ts`. */
const PREBUILT = join(import.meta.dirname, '../bundles')
export const OUTPUT_FILE = 'index.mjs'
export const HANDLER = 'index.handler'

// CommonJS packages call `require`, which an ES module does not have.
const REQUIRE =
  "import{createRequire as holdfastRequire}from'node:module';const require=holdfastRequire(import.meta.url);"

let built: ReadonlyMap<string, Uint8Array> | undefined

/**
 * Every function's module, by the name of its file. One pass builds all of them in a second or two; a pass for each function
 * would parse the SDK each time. The SDK is in the bundle, so that the tested version runs and a cold start loads one file.
 * The same sources give the same bytes on every machine.
 */
export const bundles = (): ReadonlyMap<string, Uint8Array> => {
  if (built) return built
  // The installed package has no bundler, and needs none.
  const { buildSync } = createRequire(import.meta.url)('esbuild') as typeof import('esbuild')
  const { outputFiles } = buildSync({
    absWorkingDir: PROJECT,
    entryPoints: Object.fromEntries(FUNCTION_ENTRIES.map((entry) => [entry, `functions/${entry}.ts`])),
    outdir: 'out',
    write: false,
    bundle: true,
    minify: true,
    format: 'esm',
    outExtension: { '.js': '.mjs' },
    platform: 'node',
    target: 'node24',
    mainFields: ['module', 'main'],
    conditions: ['module'],
    legalComments: 'none',
    alias: { '@aws-sdk/credential-provider-node': join(FUNCTIONS, 'runtime/lambda-credentials.ts') },
    banner: { js: REQUIRE },
    logLevel: 'error',
  })
  const nameOf = (path: string) => path.slice(join(PROJECT, 'out').length + 1).replace(/\.mjs$/, '')
  built = new Map(outputFiles.map(({ path, contents }) => [nameOf(path), contents]))
  return built
}

const bundleOf = (entry: string): Uint8Array => {
  const contents = bundles().get(entry)
  if (!contents) throw new Error(`functions/${entry}.ts was not bundled`)
  return contents
}

/**
 * The code of `functions/<entry>.ts`. CDK builds the bundle only when it needs one: not for `cdk list`, and not in tests
 * that read only the template (context `aws:cdk:bundling-stacks: []`).
 */
export const functionCode = (entry: string): Code =>
  existsSync(PREBUILT) ? Code.fromAsset(join(PREBUILT, entry)) : bundledCode(entry)

const bundledCode = (entry: string): Code =>
  Code.fromAsset(FUNCTIONS, {
    assetHashType: AssetHashType.OUTPUT,
    bundling: {
      // The image is never pulled, because `tryBundle` succeeds or throws.
      image: DockerImage.fromRegistry('unused'),
      // CDK takes assets of one folder for the same asset unless their commands differ.
      command: [entry],
      local: {
        tryBundle: (directory) => {
          mkdirSync(directory, { recursive: true })
          writeFileSync(join(directory, OUTPUT_FILE), bundleOf(entry))
          return true
        },
      },
    },
  })
