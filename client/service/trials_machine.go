package service

// What the service signs in with by itself is remembered apart from what persons
// enter: the one may be refused while the other is right. A refusal holds until an
// administrator has set it anew, whatever becomes of the service and the computer
// meanwhile: each start would cost one try, and a few lock the account.
//
// That a start was cut off while the password was under way says nothing about it, and
// keeping a computer that is always connected off the network for that would be worse
// than another try. But a service that dies there again and again must not try for ever.

// mostLost is how many tries in a row of which nobody has heard count as a refusal.
const mostLost = 3

// byMachine is the account that stands for what the service has for a profile.
func byMachine(profileID string) account { return account{profile: profileID, machine: true} }

// lose counts a try of which nobody has heard.
func (t *trial) lose() {
	t.Pending, t.Lost = false, t.Lost+1
	t.refused = t.Refused || t.Lost >= mostLost
}

// machineSent notes that the password of the machine goes to the gateway, before it does.
func (t *trials) machineSent(profileID string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	of := byMachine(profileID)
	if t.of[of] == nil {
		t.of[of] = &trial{Profile: profileID, Machine: true}
	}
	t.of[of].Pending = true
	t.save()
}

// machineRefused notes that the gateway did not take it.
func (t *trials) machineRefused(profileID string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if one := t.of[byMachine(profileID)]; one != nil && one.Pending {
		one.Pending, one.Refused, one.refused = false, true, true
		t.save()
	}
}

// machineKnown says whether it is not to be sent again.
func (t *trials) machineKnown(profileID string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	one := t.of[byMachine(profileID)]
	return one != nil && one.refused
}

// machineSet forgets what became of one that is replaced, or gone.
func (t *trials) machineSet(profileID string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if of := byMachine(profileID); t.of[of] != nil {
		delete(t.of, of)
		t.save()
	}
}
