/** `npm run test:faults -- --short` tries each fault a few times only. */
const SHORT = process.env.HOLDFAST_FAULTS === 'short'

/** The amount of a test's work: `short` in the short mode, else `whole`. */
export const size = (whole: number, short: number): number => (SHORT ? short : whole)

/** Shows what a test has measured, for the documentation. */
export const show = (what: string, figures: Readonly<Record<string, number | string>>): void => {
  const text = Object.entries(figures).map(([name, value]) => `${name}: ${value}`)
  console.log(`  ${what}: ${text.join(', ')}`)
}
