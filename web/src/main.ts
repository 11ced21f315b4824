import { mount } from 'svelte'
import './app.css'
import App from './components/App.svelte'
import { app } from './lib/state/app.svelte'
import { lookForNewVersion } from './lib/state/version'

const target = document.getElementById('app')
// Part of the page could not be fetched: a newer version may be there.
window.addEventListener('vite:preloadError', () => void lookForNewVersion())

if (target) {
  await app.start()
  target.replaceChildren()
  mount(App, { target })
}

if (import.meta.env.PROD && 'serviceWorker' in navigator) {
  navigator.serviceWorker.register(`${import.meta.env.BASE_URL}sw.js`).catch(() => {
    // The page works without it, only not offline.
  })
  navigator.serviceWorker.addEventListener('message', (event: MessageEvent<{ open?: string }>) => {
    const hash = event.data.open?.split('#')[1]
    if (hash !== undefined) location.hash = hash
  })
}
