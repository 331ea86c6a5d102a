import { expect, test } from 'vitest'
import { recentReleases } from '../../../../lib/hints/scan-cache/recent-releases.ts'

test('releases are found by their keys, from the first key up to the end, which is excluded', () => {
  const releases = recentReleases()
  for (const sort of ['a', 'b', 'c']) releases.add(sort, 7)
  expect(releases.inside('a', 'c')).toEqual([
    { sort: 'a', visibleAt: 7, count: 1 },
    { sort: 'b', visibleAt: 7, count: 2 },
  ])
  expect(releases.count).toBe(3)
})

test('a release has the instant of the first poll after it', () => {
  const releases = recentReleases()
  releases.add('a', 0)
  releases.observe(100)
  releases.add('b', 0)
  releases.observe(200)
  releases.observe(300)
  expect(releases.inside('a', 'z').map(({ observedAt }) => observedAt)).toEqual([100, 200])
})

test('the latest 64 releases are kept, and all are counted', () => {
  const releases = recentReleases()
  for (let at = 0; at < 70; at++) releases.add(`k${String(at).padStart(2, '0')}`, 0)
  expect(releases.inside('k', 'l').map(({ sort }) => sort)).toHaveLength(64)
  expect(releases.inside('k', 'k06')).toEqual([])
  expect(releases.count).toBe(70)
})
