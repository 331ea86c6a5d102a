import { memoryStore } from '../../../lib/store/keyed/memory-store.ts'
import { manualClock } from '../../support/manual-clock.ts'
import { storeContract } from './contract.ts'

const clock = manualClock()
const store = memoryStore({ clock })

storeContract('the store in memory', () => ({ store, clock }))
