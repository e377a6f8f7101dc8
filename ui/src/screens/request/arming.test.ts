import { fireEvent, render, screen } from '@testing-library/svelte';
import { createRawSnippet, tick } from 'svelte';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import AnswerButton from './AnswerButton.svelte';

const children = createRawSnippet(() => ({ render: () => '<span>Approve</span>' }));
let answers: number;

function button(): HTMLButtonElement {
  return screen.getByRole('button', { name: 'Approve' });
}

function show(more: Record<string, unknown> = {}) {
  return render(AnswerButton, {
    stands: 'card shown',
    variant: 'primary',
    onanswer: () => (answers += 1),
    children,
    ...more,
  });
}

async function pass(milliseconds: number) {
  await vi.advanceTimersByTimeAsync(milliseconds);
  await tick();
}

async function tap() {
  await fireEvent.pointerDown(button());
  await fireEvent.click(button(), { detail: 1 });
}

beforeEach(() => {
  answers = 0;
  vi.useFakeTimers();
});

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

describe('a button that is armed', () => {
  it('rests for 400 milliseconds after it is shown', async () => {
    show();
    await pass(390);
    expect(button().disabled).toBe(true);
    await tap();
    expect(answers).toBe(0);
    await pass(100);
    expect(button().disabled).toBe(false);
    await tap();
    expect(answers).toBe(1);
  });

  it('takes no click whose press began before it was armed', async () => {
    show();
    await pass(300);
    await fireEvent.pointerDown(button());
    await pass(300);
    await fireEvent.click(button(), { detail: 1 });
    expect(answers).toBe(0);
    await tap();
    expect(answers).toBe(1);
  });

  it('takes a key only if it went down and came up after that', async () => {
    show();
    await pass(500);
    await fireEvent.keyUp(button(), { key: 'Enter' });
    expect(answers).toBe(0);
    await fireEvent.keyDown(button(), { key: 'Enter', repeat: true });
    await fireEvent.keyUp(button(), { key: 'Enter' });
    expect(answers).toBe(0);
    await fireEvent.keyDown(button(), { key: ' ' });
    await fireEvent.keyUp(button(), { key: 'Enter' });
    expect(answers).toBe(0);
    for (const key of ['Enter', ' ']) {
      await fireEvent.keyDown(button(), { key });
      await fireEvent.keyUp(button(), { key });
    }
    expect(answers).toBe(2);
  });

  it('answers once for a key that is held down', async () => {
    show();
    await pass(500);
    await fireEvent.keyDown(button(), { key: 'Enter' });
    for (let time = 0; time < 5; time += 1) await fireEvent.keyDown(button(), { key: 'Enter', repeat: true });
    await fireEvent.keyUp(button(), { key: 'Enter' });
    expect(answers).toBe(1);
  });

  it('forgets a key when the focus leaves', async () => {
    show();
    await pass(500);
    await fireEvent.keyDown(button(), { key: 'Enter' });
    await fireEvent.blur(button());
    await fireEvent.keyUp(button(), { key: 'Enter' });
    expect(answers).toBe(0);
  });

  it('rests anew when something else is shown', async () => {
    const view = show();
    await pass(500);
    await fireEvent.keyDown(button(), { key: 'Enter' });
    await view.rerender({ stands: 'card other' });
    expect(button().disabled).toBe(true);
    await fireEvent.keyUp(button(), { key: 'Enter' });
    await tap();
    expect(answers).toBe(0);
    await pass(500);
    await tap();
    expect(answers).toBe(1);
  });

  it('rests anew when the window comes to the front', async () => {
    show();
    await pass(500);
    window.dispatchEvent(new Event('focus'));
    await tick();
    await tap();
    expect(answers).toBe(0);
    await pass(500);
    await tap();
    expect(answers).toBe(1);
  });

  it('is never armed while the page is out of sight', async () => {
    const sight = vi.spyOn(document, 'visibilityState', 'get').mockReturnValue('hidden');
    show();
    await pass(2000);
    expect(button().disabled).toBe(true);
    sight.mockReturnValue('visible');
    document.dispatchEvent(new Event('visibilitychange'));
    await pass(390);
    expect(button().disabled).toBe(true);
    await pass(100);
    expect(button().disabled).toBe(false);
  });

  it('is not armed while it may not be pressed', async () => {
    const view = show({ disabled: true });
    await pass(1000);
    await view.rerender({ disabled: false });
    expect(button().disabled).toBe(true);
    await pass(500);
    expect(button().disabled).toBe(false);
  });

  it('takes the one step of assistive technology', async () => {
    show();
    await pass(500);
    await fireEvent.click(button(), { detail: 0 });
    expect(answers).toBe(1);
  });
});
