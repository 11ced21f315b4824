// Makes screenshot.png, the picture of the page in the README: `npm run screenshot`.
import { fileURLToPath } from 'node:url'
import { ApiUser, device, launch, startServer } from './harness.mjs'

const server = await startServer()
const browser = await launch()
try {
  const { base } = server
  const people = {}
  for (const [login, first, last] of [
    ['mira', 'Mira', 'Okafor'], ['jonas', 'Jonas', 'Weber'], ['lucia', 'Lucía', 'Ferrer'], ['tom', 'Tom', 'Ashby'], ['aiko', 'Aiko', 'Mori'],
  ]) people[login] = await new ApiUser(base, login, first, last).signUp()
  const { mira, jonas, lucia, tom, aiko } = people
  for (const [owner, room, banner] of [
    [mira, 'release-2.0', 'Everything for Thursday: blockers, notes, who presses the button'],
    [jonas, 'coffee', 'Off topic, on caffeine'], [lucia, 'design', null], [tom, 'support', 'Questions from customers'],
  ]) {
    await owner.createRoom(room, banner)
    for (const p of [mira, jonas, lucia, tom, aiko]) if (p !== owner) await p.join(room)
  }
  await aiko.post('design', 'New icons are in the shared folder.')
  await tom.post('support', 'Ticket 4182 is solved 🎉')
  const d = await device(browser, base, { viewport: { width: 1280, height: 800 }, deviceScaleFactor: 1.5 })
  await d.logIn('mira')
  await d.page.locator('.sidebar').getByText('Ticket 4182').waitFor()
  const others = []
  for (const login of ['jonas', 'lucia']) {
    const o = await device(browser, base)
    await o.logIn(login)
    await o.goto('#/rooms/release-2.0')
    await o.composer.waitFor()
    others.push(o)
  }
  await d.goto('#/rooms/release-2.0')
  await d.composer.waitFor()
  const room = 'release-2.0'
  await lucia.post(room, 'Morning all. The last two blockers are closed, the migration ran clean on staging.')
  await lucia.post(room, 'Numbers are here: https://status.example.org/releases/2.0')
  await jonas.post(room, 'Nice! Rolling it out is one command now:\n```\nconfab schema apply && confab serve\n```\nRun `schema apply` once, from any node.')
  await tom.post(room, 'And if something goes wrong?')
  const plan = await jonas.post(room, 'The old version goes on with the new schema – migrations only ever add. So: start the old one again, and we look at it over coffee ☕')
  await mira.post(room, 'Then it is Thursday, ten o’clock. @lucia, will you press the button?')
  const question = (await mira.call('GET', `messages/${room}?fetchSize=1`)).messages[0]
  await lucia.call('POST', `messages/${room}`, { content: 'With pleasure.', replyTo: question.messageId })
  await lucia.post(room, '🚀')
  for (const p of [lucia, tom, mira]) await p.call('PUT', `messages/${room}/${plan.messageId}/reactions/${encodeURIComponent('☕')}`)
  await d.row('🚀').last().waitFor()
  for (const text of ['Espresso machine is back', 'Second floor, next to the printer', 'You are welcome']) await jonas.post('coffee', text)
  await d.page.locator('.sidebar .count', { hasText: '3' }).waitFor()
  await others[0].composer.pressSequentially('On my')
  await d.page.getByTestId('typing').getByText('Jonas').waitFor()
  await d.page.screenshot({ path: fileURLToPath(new URL('../screenshot.png', import.meta.url)), animations: 'disabled' })
} finally {
  await browser.close()
  await server.stop()
}
