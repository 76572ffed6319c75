/** Which question of the agent has been told, and which is still to be. Pure. */

/** What is asked, as far as it is known: the event's ID and the title of what wants permission. */
export interface Question {
  id: string | undefined;
  title: string | undefined;
}

export class InputRequests {
  /** What an event asks that the thread has not shown yet. */
  #announced: Question | undefined;
  /** The question that the run waits with was told; `toldId` is the event that holds it. */
  #told = false;
  #toldId: string | undefined;

  /** An event asks. @returns whether it is news */
  announce(question: Question): boolean {
    // One that was found by reading has been told.
    this.#told = question.id !== "" && question.id === this.#toldId;
    this.#announced = this.#told ? undefined : question;
    return !this.#told;
  }

  /** The run goes on: an event says so. */
  answered(): void {
    this.#announced = undefined;
    this.#told = false;
  }

  /** The thread shows that the run does not wait (yet, or any more). */
  notShown(): void {
    this.#told = false;
  }

  /** The thread shows that the run waits. @returns whether that is still to be told */
  get untold(): boolean {
    return !this.#told;
  }

  /** What is asked, where an event has said it. */
  get announced(): Question | undefined {
    return this.#announced;
  }

  tell({ id }: Question): void {
    this.#announced = undefined;
    this.#told = true;
    this.#toldId = id;
  }
}
