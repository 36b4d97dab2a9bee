/** Takes every step, whatever becomes of those before, and throws with all that went wrong. */
export async function inTurn(...steps: (() => unknown)[]): Promise<void> {
  const problems: string[] = []
  for (const step of steps) {
    try {
      await step()
    } catch (error) {
      problems.push((error as Error).message)
    }
  }
  if (problems.length > 0) throw new Error(problems.join('\n'))
}
