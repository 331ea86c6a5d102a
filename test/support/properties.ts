import fc from 'fast-check'

/** `npm run test:more` draws new cases in each run; `npm test` tries the same ones every time. */
export const FRESH_SEEDS = process.env.HOLDFAST_FRESH_SEEDS === '1'

if (!FRESH_SEEDS) fc.configureGlobal({ ...fc.readConfigureGlobal(), seed: 1 })

export default fc
