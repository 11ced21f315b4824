import { mount } from 'svelte'
import './app.css'
import App from './components/App.svelte'
import { app } from './lib/state/app.svelte'

const target = document.getElementById('app')
if (target) {
  await app.start()
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
