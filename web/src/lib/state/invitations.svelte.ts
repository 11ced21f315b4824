import type { ChatApi, Invitation } from '@confab/client'
import { Reads } from './reads'

/** The rooms that the user is invited to. */
export class Invitations {
  /** The newest first. */
  all = $state.raw<readonly Invitation[]>([])
  private readonly reads = new Reads<string>()

  constructor(
    private readonly api: ChatApi,
    private readonly login: string,
  ) {}

  of(room: string): Invitation | undefined {
    return this.all.find((i) => i.roomName === room)
  }

  async read(): Promise<void> {
    await this.reads.read(
      () => this.api.invitations(this.login),
      ({ invitations }, since) => {
        // What was answered meanwhile may still be in it.
        this.all = invitations.filter((i) => !since.includes(i.roomName))
      },
    )
  }

  async decline(room: string): Promise<void> {
    await this.api.decline(this.login, room)
    this.drop(room)
  }

  /** An invitation is over: it was accepted, declined or taken back. */
  drop(room: string): void {
    this.reads.heard(room)
    if (this.of(room)) this.all = this.all.filter((i) => i.roomName !== room)
  }
}
