package main

const defaultStateDir = `C:\ProgramData\Homeward`

// hostsFile is the system's own list of names.
const hostsFile = `C:\Windows\System32\drivers\etc\hosts`
