/** Ports at which an application is expected when nobody says otherwise; those of the Python tools. */
export const defaultReceiverPorts: readonly number[] = [5074, 5075, 5076, 37000, 47000];
