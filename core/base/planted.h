/* base/planted.h - bugs planted on purpose, one a build, to show that the properties catch them.
 *
 * `make planted` builds with -DPU_PLANTED_BUG=N, runs the scenarios and writes down which property
 * said no and how many seeds it took. In every other build PLANTED(n) is a constant false.
 */
#ifndef BASE_PLANTED_H
#define BASE_PLANTED_H

#ifndef PU_PLANTED_BUG
#define PU_PLANTED_BUG 0
#endif

enum planted_bug {
    PLANTED_GATE_OPEN = 1,     /* the gater admits whoever asks */
    PLANTED_NO_REDIAL,         /* a wanted peer that was lost is not dialled again */
    PLANTED_NO_DATAGRAMS,      /* the initiator of a punch sends nothing */
    PLANTED_LATE_PUNCH,        /* and here it sends 9 s late */
    PLANTED_NO_RESERVATION,    /* our own relays are not asked for a place */
    PLANTED_DEAF_TO_OBSERVERS, /* how others see us is ignored */
    PLANTED_STALE_ADDRESS,     /* connections of an address that went are kept */
    PLANTED_NO_ANSWERING_DIAL, /* the responder of a punch does not dial */
    PLANTED_ONE_WAY_PIPE,      /* a circuit carries bytes in one direction only */
    PLANTED_NO_CIRCUITS,       /* the dialer does not try our own relays */
    PLANTED_LOST_AT_END, /* bytes that come with the end of an application's direction are lost */
    PLANTED_ROOM_FORGOTTEN, /* room that an application gives is forgotten after a while */
    PLANTED_NO_RESTS,       /* relays whose circuits lead nowhere are asked first again */
    PLANTED_END
};

#define PLANTED(bug) (PU_PLANTED_BUG == (bug))

#endif
