export { cityNames, drawQuestions, type DrawOptions } from './draw-questions.ts'
export { drive, type DriveFigures, type DriveOptions } from './drive.ts'
export type { Variant } from './service.ts'
export { startStack, type ServeOptions, type ServiceProcess, type Stack } from './stack.ts'
