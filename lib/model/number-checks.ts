import { invalid } from './errors.ts'

/** Refuses anything but a whole number within `[min, max]`. */
export const checkWholeNumber = (field: string, value: number, min: number, max: number): void => {
  if (!Number.isInteger(value) || value < min || value > max) {
    throw invalid(field, value, min === max ? `must be ${min}` : `must be a whole number from ${min} to ${max}`)
  }
}

/** Refuses anything but a finite number within `[min, max]`. */
export const checkNumber = (field: string, value: number, min: number, max: number): void => {
  if (typeof value !== 'number' || !(value >= min && value <= max)) {
    throw invalid(field, value, min === max ? `must be ${min}` : `must be a number from ${min} to ${max}`)
  }
}
