import { join } from 'node:path'
import { inspect } from 'node:util'
import { createVitest, type Vitest } from 'vitest/node'

/** A test that hangs on account of a bug fails after this time. */
const HANGS_AFTER_MS = 30_000

/** Runs suites of one copy again and again, in one vitest: only the file with a bug is transformed anew. */
export interface Suites {
  /** Returns what failed, until the first failure ends the run: nothing when all of them pass. @param planted the file with a bug */
  failures(suites: readonly string[], planted?: string): Promise<readonly string[]>
  close(): Promise<void>
}

export const newSuites = async (copy: string): Promise<Suites> => {
  const vitest = await createVitest('test', {
    root: copy,
    config: join(copy, 'vitest.config.ts'),
    watch: false,
    bail: 1,
    reporters: [{}],
    silent: true,
    testTimeout: HANGS_AFTER_MS,
    maxWorkers: 1,
    env: { HOLDFAST_SIMULATIONS: '1', NO_COLOR: '1' },
  })
  await vitest.standalone()
  let before: string | undefined
  return {
    failures: async (suites, planted) => {
      // The file that had a bug in the run before is sound again.
      for (const file of [before, planted]) if (file) vitest.invalidateFile(join(copy, file))
      before = planted
      return failuresOf(
        vitest,
        suites.map((suite) => join(copy, suite)),
      )
    },
    close: () => vitest.close(),
  }
}

const failuresOf = async (vitest: Vitest, files: readonly string[]): Promise<string[]> => {
  const project = vitest.getRootProject()
  const { testModules, unhandledErrors } = await vitest.runTestSpecifications(
    files.map((file) => project.createSpecification(file)),
  )
  // The result has the modules of all runs so far.
  const ran = testModules.filter(({ moduleId }) => files.includes(moduleId))
  return [
    ...ran.flatMap((module) => [
      ...[...module.children.allTests('failed')].map((test) => `${module.relativeModuleId}: ${test.fullName}`),
      ...module.errors().map(({ message }) => `${module.relativeModuleId}: ${message}`),
    ]),
    ...unhandledErrors.map((error) => inspect(error)),
  ]
}
