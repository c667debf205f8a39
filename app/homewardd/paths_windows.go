package main

const defaultStateDir = `C:\ProgramData\Homeward`
